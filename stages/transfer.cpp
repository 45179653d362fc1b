// Brings packets to the device. Where the device computes on host memory there is nothing to do, and the packet goes on.
//
//   in:      any record
//   out:     the same record, on the device
//   example: train_to_device: {stage: transfer, in: train_batches}
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

namespace millrace::stages {
namespace {

class Transfer final : public Transform {
 public:
  static void describe(StageSpec& spec) {
    spec.summary("Brings packets to the device; passes them on where the device computes on host memory.")
        .input("in", "any record")
        .output("out", "the same record, on the device")
        .example("train_to_device: {stage: transfer, in: train_batches}");
  }
  explicit Transfer(const ParamValue&) {}

  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }

  void open(OpenContext& ctx) override {
    if (ctx.device().is_host()) return;
    throw Error(ErrorKind::device, "device-unavailable",
                fmt::format("transfer cannot copy to {} in this build", to_string(ctx.device().id())),
                "use `device: cpu`");
  }

  void process(TransformContext& ctx) const override { ctx.emit("out", ctx.input().fields); }
};

MILLRACE_REGISTER_STAGE("transfer", Transfer);

}  // namespace
}  // namespace millrace::stages
