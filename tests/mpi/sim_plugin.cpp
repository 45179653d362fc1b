// A plugin that brings the simulated device into pipeline-run: `--set device=sim`. When it is closed, each process says how it was used.
#include "sim/sim_device.hpp"

#include <millrace/peers.hpp>
#include <millrace/registry.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace millrace;

/// Its plugin must bring a stage.
class Nothing final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Passes rows on.")
        .input("in", TensorType::any())
        .output("out", TensorType::like("in"))
        .example("t: {stage: sim_nothing, in: train.images}");
  }
  explicit Nothing(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override { ctx.emit("out", ctx.input().tensor()); }
};

// The process ends without the destructors of static objects, so it is said when the run closes the device.
void tell(const sim::World& world) {
  std::string wrong;
  for (const std::string& name : world.violation_names()) wrong += " " + name;
  std::fprintf(stderr, "sim of rank %d: gathered %llu, live bytes %zu, violations:%s\n", launched_ranks().rank,
               static_cast<unsigned long long>(world.gathered_rows()), world.live_bytes(),
               wrong.empty() ? " none" : wrong.c_str());
}

const bool registered_sim = [] {
  sim::Settings settings;
  settings.on_close = tell;
  sim::register_sim(std::make_shared<sim::World>(std::move(settings)));
  return true;
}();

MILLRACE_REGISTER_STAGE("sim_nothing", Nothing);

}  // namespace

MILLRACE_PLUGIN("sim_plugin", "1.0.0", "Apache-2.0");
