// A plugin for the tests of runs over several processes: passes rows on until one rank has a fault of the given kind.
#include <millrace/error.hpp>
#include <millrace/peers.hpp>
#include <millrace/registry.hpp>

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>

namespace {

using namespace millrace;

class Faulty final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Passes rows on until one rank fails.")
        .input("in", RecordType::any())
        .output("out", RecordType::like("in"))
        .param(Param("rank", T::integer().at_least(0), "the rank that fails"))
        .param(Param("fault",
                     T::choice({"throw", "throw_number", "hang", "freeze", "die", "leave", "signal", "time_up"}),
                     "how it fails"))
        .param(Param("epoch", T::integer().at_least(1), "in which epoch").or_default(2))
        .example("faults: {stage: faulty, in: points.x, with: {rank: 1, fault: hang}}");
  }
  explicit Faulty(const ParamValue& params)
      : rank_(params["rank"].integer()),
        epoch_(static_cast<std::uint32_t>(params["epoch"].integer())),
        fault_(params["fault"].text()) {}

  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }

  void process(TransformContext& ctx) const override {
    if (launched_ranks().rank == rank_ && ctx.input().header.epoch == epoch_) fail();
    ctx.emit("out", ctx.input().fields);
  }

 private:
  void fail() const {
    if (fault_ == "throw_number") throw 42;
    if (fault_ == "throw") throw Error(ErrorKind::run, "planted", "a planted failure");
    if (fault_ == "hang")
      for (;;) pause();
    if (fault_ == "freeze") kill(getpid(), SIGSTOP);
    if (fault_ == "die") kill(getpid(), SIGKILL);
    if (fault_ == "leave") _exit(0);
    if (fault_ == "signal" && !signaled_.exchange(true)) kill(getpid(), SIGUSR1);  // a second one would end it at once
    if (fault_ == "time_up" && !signaled_.exchange(true)) kill(getpid(), SIGXCPU);
  }

  std::int64_t rank_;
  std::uint32_t epoch_;
  std::string fault_;
  mutable std::atomic<bool> signaled_{false};
};

MILLRACE_REGISTER_STAGE("faulty", Faulty);

}  // namespace

MILLRACE_PLUGIN("faulty", "1.0.0", "Apache-2.0");
