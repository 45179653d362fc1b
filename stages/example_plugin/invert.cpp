// Turns bright into dark: every byte x becomes 255 - x.
//
//   in:      u8 [n, ...]
//   out:     u8, same shape
//   example: negative: {stage: invert, in: train.images}
#include <millrace/registry.hpp>

#include <algorithm>

namespace {

using namespace millrace;

class Invert final : public Transform {
 public:
  static void describe(StageSpec& spec) {
    spec.summary("Turns bright into dark: every byte x becomes 255 - x.")
        .input("in", Tensors::of({DType::u8}).otherwise("put it before normalize"))
        .output("out", Tensors::of({DType::u8}).shape_as("in"))
        .example("negative: {stage: invert, in: train.images}");
  }
  explicit Invert(const ParamValue&) {}

  void infer(InferContext& ctx) override {
    PortSpec port = ctx.input("in");
    TensorSpec spec = port.only();
    if (spec.range) spec.range = ValueRange{255 - spec.range->hi, 255 - spec.range->lo};
    ctx.output("out", PortSpec::single(std::move(spec), port.rows_per_pass, port.max_rows));
  }

  void process(TransformContext& ctx) const override {
    const Tensor& x = ctx.input().tensor();
    OutTensor y = ctx.allocate(ctx.output("out").only(), x.rows());
    const auto bytes = x.stored<std::uint8_t>();
    std::transform(bytes.begin(), bytes.end(), y.values<std::uint8_t>().begin(),
                   [](std::uint8_t v) { return static_cast<std::uint8_t>(255 - v); });
    ctx.emit("out", std::move(y).freeze());
  }
};

MILLRACE_REGISTER_STAGE("invert", Invert);

}  // namespace
