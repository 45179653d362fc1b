// Measures a model on batches: those of epoch e with the weights of the end of epoch e.
//
//   data:    inputs [n, I], targets [n, O], optional weights [n]
//   model:   snapshots, one an epoch
//   metrics: at the end of each epoch: the metrics asked for, and the seconds that the evaluation took; with the model that was measured
#include "batch/batch_check.hpp"
#include "batch/model_ends.hpp"

#include <millrace/detail/number_text.hpp>
#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>
#include <millrace/target_check.hpp>

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

namespace millrace::stages {
namespace {

/// An epoch under way.
struct Epoch {
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<BatchSums> batches;  ///< what the step has given, in seq order
  double seconds = 0;
};

std::vector<std::string> all_metrics() {
  std::vector<std::string> names = metric_names();
  names.emplace(names.begin(), "loss");
  return names;
}

class Evaluator final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Measures each epoch's model on batches that it is not trained on.")
        .input(
            "data",
            RecordType()
                .field("inputs", TensorType::any().vector().hint("prepare these rows as those the model is trained on"))
                .field("targets", TensorType::any().rank(0, 1))
                .optional_field("weights", TensorType::any().one_value())
                .hint("the inputs of the batcher name the fields: in: {inputs: ..., targets: ...}"))
        .input("model", PortType::model("the weights at the end of each epoch"))
        .output("metrics", PortType::metrics("the metrics asked for and the seconds it took, of each epoch"))
        .inputs(InputMode::independent)
        .reads_on_device()
        .waits_for("data", "model")
        .communicates()
        .param(Param("metrics", ParamType::list(ParamType::choice(all_metrics())).length(1, all_metrics().size()),
                     "What is measured; when absent, the loss, and the accuracy of models that are trained on a "
                     "crossentropy.")
                   .optional())
        .param(Param("precision", precision_param_type(),
                     "To what factors of matrix products may be rounded on a GPU; a CPU takes float32 always.")
                   .or_default("float32"))
        .example("evaluate: {stage: evaluator, in: {data: valid_batches, model: learn.model}}");
  }

  explicit Evaluator(const ParamValue& params) : precision_(precision_from(params["precision"].text())) {
    if (params["metrics"].is_null()) return;
    for (const ParamValue& metric : params["metrics"].list()) metrics_.push_back(metric.text());
  }

  void infer(InferContext& ctx) override {
    const PortSpec& data = ctx.input("data");
    const std::shared_ptr<const ModelSpec>& model = ctx.input("model").model;
    PortSpec port = PortSpec::of_kind(PortKind::metrics);
    port.model = model;
    port.loss = ctx.input("model").loss;
    ctx.output("metrics", std::move(port));
    // A plugin's model port may not say what will come, nor for which loss.
    if (model) check_metrics(metrics_, ctx.input("model").loss, *model, *data.find("targets"), ctx);
    if (model) choose_metrics(ctx.input("model").loss);
    require_different_metrics(metrics_, ctx);
    if (!metrics_.empty()) ctx.measures("metrics", names_of_metrics());
    if (!model) return;  // a plugin's model port may not say what will come; the step checks then
    check_width(*data.find("inputs"), "inputs", model->inputs, "inputs", ctx);
    check_width(*data.find("targets"), "targets", model->outputs(), "outputs", ctx);
    check_batches(ctx.input("model").loss, *model, data, "data", ctx);
    ctx.uses_memory("evaluation step", evaluation_step_bytes(*model, data.max_rows, ctx.device(), precision_));
  }

  void open(OpenContext& ctx) override {
    device_ = &ctx.device();
    communicator_ = &ctx.communicator();
    reporter_ = &ctx.reporter();
    data_ = ctx.input("data");
    share_ = ctx.share();
    const PortSpec& port = ctx.input("model");
    reduction_ = port.reduction;
    if (port.model) make_step(port.model, port.loss);
  }

  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input(ctx.port());
    if (ctx.port() == "model") {
      epoch_ = {packet.model, {}, 0};
      return;
    }
    evaluate(ctx, packet);
    if (packet.rows > 0) ctx.keep_until(step_->enqueued(), packet);
    if (!packet.header.last_in_epoch) return;
    const std::uint32_t epoch = packet.header.epoch;
    ctx.when(step_ ? step_->enqueued() : Event(), [this, epoch](SerialContext& later) { end_epoch(later, epoch); });
  }

  void close() noexcept override {
    epoch_ = {};
    step_.reset();
  }

 private:
  void make_step(const std::shared_ptr<const ModelSpec>& model, Loss loss) {
    step_ = make_evaluation_step(*device_, model, loss, *data_.find("inputs"), *data_.find("targets"), data_.max_rows,
                                 precision_);
    check_.begin(loss, data_, device_->is_host());
    choose_metrics(loss);
  }

  /// Those that the user has not asked for himself.
  void choose_metrics(Loss loss) {
    if (!metrics_.empty()) return;
    metrics_.emplace_back("loss");
    if (!takes_probabilities(loss)) return;
    for (const std::string& metric : metric_names())
      if (is_for_classes(metric)) metrics_.push_back(metric);
  }

  std::vector<std::string> names_of_metrics() const {
    std::vector<std::string> names = metrics_;
    names.emplace_back("seconds");
    return names;
  }

  void evaluate(const SerialContext& ctx, const Packet& packet) {
    require_own_part(packet);
    epoch_.batches.emplace_back();
    if (packet.rows == 0) return;
    // The step refers to the model's spec, and the snapshot keeps that alive.
    if (!step_) make_step({epoch_.model, &epoch_.model->model()}, epoch_.model->loss());
    const double start = ctx.seconds();
    TrainBatch batch;
    batch.inputs = &packet.tensor("inputs");
    batch.targets = &packet.tensor("targets");
    if (data_.find("weights")) batch.weights = &packet.tensor("weights");
    batch.epoch = packet.header.epoch;
    batch.sample_ids = packet.sample_ids();
    if (reduction_ == Reduction::ordered) batch.part_rows = parts_of(packet, epoch_.batches.size() - 1);
    check_.require(packet, *reporter_);
    const BatchSums sums = step_->evaluate(*epoch_.model, batch);
    require_finite(sums, packet);
    epoch_.batches.back() = sums;
    epoch_.seconds += ctx.seconds() - start;
  }

  /// The first batch that is not finite is the one to look at. A device that works asynchronously has given zeros: there the
  /// metrics of the epoch are looked at when they are emitted.
  void require_finite(const BatchSums& sums, const Packet& packet) const {
    if (sums.is_finite()) return;
    const double loss = without_nan_sign(sums.loss / sums.samples);
    if (const std::string data = device_->is_host() ? not_finite_in(packet) : ""; !data.empty())
      throw Error(ErrorKind::diverged, "diverged", fmt::format("the loss on this batch is {}: {}", loss, data),
                  kFiniteData);
    const bool is_trained = epoch_.model->epoch() > 0;
    throw Error(ErrorKind::diverged, "diverged",
                fmt::format("the loss on this batch is {}: every weight is finite, so what the model gives for it has "
                            "become too large, or its inputs or targets are not finite or too large",
                            loss),
                fmt::format("{}look at the rows of this batch: data must be finite",
                            is_trained ? "lower the learning rate, or clip the gradient (clip_norm); else " : ""));
  }

  void require_own_part(const Packet& packet) const {
    if (share_.is_whole()) return;
    stages::require_own_part(share_, packet, static_cast<std::int64_t>(epoch_.batches.size()), *data_.rows_per_epoch);
  }

  // The quarters of the whole batch that are this rank's, as the trainer cuts its own: the same products, sums and bits on
  // 1, 2 and 4 ranks.
  std::vector<std::int64_t> parts_of(const Packet& packet, std::size_t index) const {
    const std::int64_t rows =
        share_.is_whole() ? packet.rows : share_.rows_of_batch(static_cast<std::int64_t>(index), *data_.rows_per_epoch);
    return share_.ordered_parts(rows);
  }

  std::shared_ptr<const Metrics> metrics_of(const BatchSums& sums, std::uint32_t epoch) const {
    auto metrics = std::make_shared<Metrics>();
    metrics->epoch = epoch;
    if (sums.samples == 0) return metrics;
    for (const std::string& name : metrics_) metrics->set(name, mean_of(name, sums));
    metrics->set("seconds", epoch_.seconds);
    return metrics;
  }

  /// An asynchronous device gives its sums here, once an epoch.
  void take_late_sums(const SerialContext& ctx) {
    const double start = ctx.seconds();
    const BatchSums late = step_ ? step_->take_sums() : BatchSums{};
    epoch_.batches.push_back(late);  // also where there are none, since every rank has as many
    if (late.samples != 0) epoch_.seconds += ctx.seconds() - start;
  }

  void end_epoch(SerialContext& ctx, std::uint32_t epoch) {
    OutputPacket output_packet;
    check_.end_epoch(*reporter_);
    take_late_sums(ctx);
    output_packet.metrics = metrics_of(sum_over_ranks(*communicator_, epoch_.batches, reduction_), epoch);
    output_packet.model = std::move(epoch_.model);
    output_packet.last_in_epoch = true;
    epoch_ = {};
    ctx.emit("metrics", std::move(output_packet));
  }

  Precision precision_;
  std::vector<std::string> metrics_;
  Device* device_ = nullptr;
  Communicator* communicator_ = nullptr;
  Reduction reduction_ = Reduction::fast;
  RowShare share_;
  RunReporter* reporter_ = nullptr;
  PortSpec data_;
  BatchCheck check_;
  std::unique_ptr<EvaluationStep> step_;
  Epoch epoch_;
};

MILLRACE_REGISTER_STAGE("evaluator", Evaluator);

}  // namespace
}  // namespace millrace::stages
