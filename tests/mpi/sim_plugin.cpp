// A plugin that brings the simulated device into pipeline-run: `--set device=sim`. At the end each process that used it says how.
#include "sim/sim_device.hpp"

#include <millrace/peers.hpp>
#include <millrace/registry.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace {

using namespace millrace;

/// Its plugin must bring a stage.
class Nothing final : public Transform {
 public:
  static void describe(StageSpec& spec) {
    spec.summary("Passes rows on.")
        .input("in", Tensors::any())
        .output("out", Tensors::like("in"))
        .example("t: {stage: sim_nothing, in: train.images}");
  }
  explicit Nothing(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override { ctx.emit("out", ctx.input().tensor()); }
};

class SharedWorld {
 public:
  SharedWorld() { sim::register_sim(world_); }
  ~SharedWorld() {
    if (world_->copies() == 0) return;  // also loaded where nothing runs
    std::string wrong;
    for (const std::string& name : world_->violation_names()) wrong += " " + name;
    std::fprintf(stderr, "sim of rank %d: gathered %llu, live bytes %zu, violations:%s\n", launched_ranks().rank,
                 static_cast<unsigned long long>(world_->gathered_rows()), world_->live_bytes(),
                 wrong.empty() ? " none" : wrong.c_str());
  }

 private:
  std::shared_ptr<sim::World> world_ = std::make_shared<sim::World>();
};
const SharedWorld shared_world;

MILLRACE_REGISTER_STAGE("sim_nothing", Nothing);

}  // namespace

MILLRACE_PLUGIN("sim_plugin", "1.0.0", "Apache-2.0");
