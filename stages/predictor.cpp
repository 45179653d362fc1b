// Gives what a model makes of rows: those of epoch e with the model of epoch e.
//
//   data:    inputs [n, I]; other fields are not looked at
//   model:   snapshots, one an epoch
//   out:     f32 [n, O], with the ids and positions of the rows
//   example: predictions: {stage: predictor, in: {data: valid_batches, model: learn.model}}
#include "batch/model_ends.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <memory>
#include <string>
#include <utility>

namespace millrace::stages {
namespace {

class Predictor final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Gives what a model makes of rows, such as the probabilities of their classes.")
        .input(
            "data",
            RecordType()
                .field("inputs", TensorType::any().vector().hint("prepare these rows as those the model is trained on"))
                .other_fields()
                .hint("the inputs of the batcher name the fields: in: {inputs: ...}"))
        .input("model", PortType::model("the weights at the end of each epoch"))
        .output("out", TensorType::of({DType::f32}).vector().description("as many values as the model has outputs"))
        .inputs(InputMode::independent)
        .reads_on_device()
        .waits_for("data", "model")
        .every_rank_alone()
        .param(Param("precision", precision_param_type(),
                     "To what factors of matrix products may be rounded on a GPU; a CPU takes float32 always.")
                   .or_default("float32"))
        .example("predictions: {stage: predictor, in: {data: valid_batches, model: learn.model}}");
  }

  explicit Predictor(const ParamValue& params) : precision_(precision_from(params["precision"].text())) {}

  void infer(InferContext& ctx) override {
    const PortSpec& data = ctx.input("data");
    const std::shared_ptr<const ModelSpec>& model = ctx.input("model").model;
    if (!model)
      return ctx.error(ErrorSite::input("model"), "model-unknown",
                       "this port does not say before the run which model it gives, so nobody knows how many outputs",
                       "take the model of a `trainer` or `saved_model`, or let the stage say it in its infer");
    check_width(*data.find("inputs"), "inputs", model->inputs, "inputs", ctx);
    ctx.uses_memory("evaluation step", evaluation_step_bytes(*model, data.max_rows, ctx.device(), precision_));
    ctx.output("out", PortSpec::single(outputs_of(*model), data.rows_per_epoch, data.max_rows));
  }

  void open(OpenContext& ctx) override {
    const PortSpec &data = ctx.input("data"), &model = ctx.input("model");
    step_ = make_evaluation_step(ctx.device(), model.model, model.loss, *data.find("inputs"), outputs_of(*model.model),
                                 data.max_rows, precision_);
  }

  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input(ctx.port());
    if (ctx.port() == "model") {
      model_ = packet.model;
      return;
    }
    ctx.emit("out", OutputPacket::tensor(predict(ctx, packet), packet.ids, packet.header.first_row,
                                         packet.header.last_in_epoch));
    if (packet.header.last_in_epoch) model_.reset();
  }

  void close() noexcept override {
    model_.reset();
    step_.reset();
  }

 private:
  static TensorSpec outputs_of(const ModelSpec& model) { return {DType::f32, {model.outputs()}, {}, {}, {}}; }

  Tensor predict(SerialContext& ctx, const Packet& packet) {
    OutTensor out = ctx.allocate(ctx.output("out").only(), packet.rows);
    if (packet.rows > 0) step_->predict(*model_, packet.tensor("inputs"), out.values<float>());
    return std::move(out).freeze();
  }

  Precision precision_;
  std::unique_ptr<EvaluationStep> step_;
  std::shared_ptr<const ModelSnapshot> model_;
};

MILLRACE_REGISTER_STAGE("predictor", Predictor);

}  // namespace
}  // namespace millrace::stages
