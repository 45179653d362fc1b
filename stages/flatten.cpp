// Makes every row a vector. Moves no data.
//
//   in:      any [n, ...]
//   out:     the same values [n, product of ...]
//   example: train_inputs: {stage: flatten, in: train.images}
#include <millrace/registry.hpp>

namespace millrace::stages {
namespace {

class Flatten final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Makes every row a vector; moves no data.")
        .input("in", TensorType::any())
        .output("out", TensorType::like("in").vector().description("the product of the extents"))
        .example("flat: {stage: flatten, in: train.images}");
  }
  explicit Flatten(const ParamValue&) {}

  void infer(InferContext& ctx) override {
    PortSpec port = ctx.input("in");
    TensorSpec spec = port.only();
    spec.row_shape = {elements_of(spec.row_shape)};
    ctx.output("out", PortSpec::single(std::move(spec), port.rows_per_epoch, port.max_rows));
  }
  void process(TransformContext& ctx) const override {
    const Tensor& x = ctx.input().tensor();
    ctx.emit("out", x.spec().row_shape.size() == 1 ? x : x.reshaped({elements_of(x.spec().row_shape)}));
  }
};

MILLRACE_REGISTER_STAGE("flatten", Flatten);

}  // namespace
}  // namespace millrace::stages
