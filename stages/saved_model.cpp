// Sends the model of a checkpoint, the same one in every epoch.
//
//   model:   a snapshot, once in every epoch
//   example: saved: {stage: saved_model, with: {file: best.safetensors, model: [dense: {units: 10}], loss: mse}}
#include "batch/model_ends.hpp"
#include "params/about_param.hpp"

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/input_file.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

namespace millrace::stages {
namespace {

class SavedModel final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Sends the model of a checkpoint, the same one in every epoch.")
        .output("model", PortType::model("the weights that the file has"))
        .param(Param("file", ParamType::text(), "path of a checkpoint"))
        .param(Param("model", model_param_type(), "Layers in order, as of the trainer whose weights they are."))
        .param(Param("loss", loss_param_type(), "What the model was trained on, for who measures it."))
        .param(Param("node", ParamType::text(), "the trainer whose model it is, where the file has several").optional())
        .example(
            "saved: {stage: saved_model, with: {file: checkpoint.safetensors, model: [dense: {units: 10, activation: "
            "softmax}], loss: categorical_crossentropy}}");
  }

  explicit SavedModel(const ParamValue& params)
      : file_(params["file"].text()),
        node_(params["node"].is_null() ? "" : params["node"].text()),
        layers_(params["model"]),
        loss_(loss_from(params["loss"].text())) {}

  void infer(InferContext& ctx) override {
    ctx.reads_file(file_);
    const CheckpointHeader header = about("file", [&] {
      InputFile file(file_);
      return read_checkpoint_header(file);
    });
    node_ = about(node_.empty() ? "file" : "node", [&] { return checkpoint_trainer(header, node_, file_); });
    const std::int64_t inputs = about("file", [&] { return checkpoint_inputs(header, node_, file_); });
    model_ = std::make_shared<const ModelSpec>(build_model(layers_, inputs, ctx, "model"));
    check_loss(*model_, loss_, fmt::format("model.{}", model_->layers.size() - 1), ctx);
    about("model", [&] { require_checkpoint_fits(header, {node_, model_}, file_); });
    PortSpec port = PortSpec::of_kind(PortKind::model);
    port.model = model_;
    port.loss = loss_;
    ctx.output("model", std::move(port));
  }

  void open(OpenContext& /*ctx*/) override {
    snapshot_ = about("file", [&] { return read_checkpoint_snapshot(file_, node_, model_, loss_); });
  }

  void produce(SourceContext& ctx) override {
    OutputPacket packet;
    packet.model = snapshot_;
    packet.last_in_epoch = true;
    ctx.emit("model", std::move(packet));
  }

  void close() noexcept override { snapshot_.reset(); }

 private:
  std::string file_, node_;
  ParamValue layers_;
  Loss loss_;
  std::shared_ptr<const ModelSpec> model_;
  std::shared_ptr<const ModelSnapshot> snapshot_;
};

MILLRACE_REGISTER_STAGE("saved_model", SavedModel);

}  // namespace
}  // namespace millrace::stages
