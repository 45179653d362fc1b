// Trains a stack of layers, one step a batch.
//
//   in:      inputs [n, I], targets [n, O], optional weights [n]
//   metrics: at the end of each epoch: loss, the metrics asked for, seconds, samples_per_second; with the model
//   model:   at the end of each epoch: an immutable snapshot of the weights
#include "batch/batch_check.hpp"
#include "batch/model_ends.hpp"
#include "training/frozen_layers.hpp"
#include "training/initial_weights.hpp"
#include "training/rank_agreement.hpp"
#include "training/recovery.hpp"
#include "training/running_epoch.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/peers.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace::stages {
namespace {

std::string help_for_targets(const TensorSpec& targets, const ModelSpec& model, const std::string& last_path) {
  std::string units = fmt::format("set `{}.dense.units` to {}", last_path, elements_of(targets.row_shape));
  if (targets.row_shape.empty())
    return fmt::format("add a `one_hot` with classes: {} before the batcher", model.outputs());
  if (model.inputs == model.outputs())
    return "were inputs and targets swapped? A batcher takes them by name: in: {inputs: ..., targets: ...}; "
           "otherwise " +
           units;
  return units;
}

// Which of the two is wrong only the user knows; where the layer alone can be set, it is what is pointed at.
void check_targets(const TensorSpec& targets, const ModelSpec& model, const std::string& last_path, InferContext& ctx) {
  if (elements_of(targets.row_shape) == model.outputs()) return;
  const bool is_of_the_data = targets.row_shape.empty() || model.inputs == model.outputs();
  ctx.error(is_of_the_data ? ErrorSite::input("in") : ErrorSite::param(last_path + ".dense.units"), "shape-mismatch",
            fmt::format("the model gives {} outputs a row, `targets` is {}", model.outputs(), targets.describe()),
            help_for_targets(targets, model, last_path));
}

class Trainer final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Trains a stack of layers, one step a batch.")
        .input("in", RecordType()
                         .field("inputs", TensorType::any().vector().hint("add a `flatten` before the batcher"))
                         .field("targets", TensorType::any().rank(0, 1))
                         .optional_field("weights", TensorType::any().one_value())
                         .hint("the inputs of the batcher name the fields: in: {inputs: ..., targets: ...}"))
        .output("metrics",
                PortType::metrics("loss, the metrics asked for, seconds and samples_per_second of each epoch"))
        .output("model", PortType::model("the weights at the end of each epoch"))
        .param(Param("model", model_param_type(), "Layers in order; the last gives the outputs."))
        .param(Param("loss", loss_param_type(), "What is made small."))
        .param(Param("optimizer", optimizer_param_type(), "How the weights follow the gradient.")
                   .or_default(default_optimizer()))
        .param(Param("metrics", ParamType::list(metric_param_type()), "What is reported beside the loss.")
                   .or_default(ParamValue::List{}))
        .param(Param("precision", precision_param_type(),
                     "To what factors of matrix products may be rounded on a GPU; a CPU takes float32 always.")
                   .or_default("float32"))
        .param(Param("reduction", ParamType::choice({"fast", "ordered"}),
                     "How gradients are summed over processes: fast, or ordered for the same weights on 1, 2 and 4 "
                     "processes.")
                   .or_default("fast"))
        .param(Param("init_from", ParamType::text(),
                     "A safetensors file, such as a checkpoint: layers that it has begin with its weights, the others "
                     "as the seed says.")
                   .optional())
        .param(freeze_param())
        .param(Recovery::param())
        .state(StateKind::resumable)
        .reads_on_device()
        .communicates()
        .example(
            "learn: {stage: trainer, in: batches, with: {model: [dense: {units: 10, activation: softmax}], "
            "loss: categorical_crossentropy}}");
  }

  explicit Trainer(const ParamValue& params)
      : layers_(params["model"]),
        freeze_(params["freeze"]),
        on_nan_(Recovery::kind_from(params["on_nan"].text())),
        recovery_(on_nan_) {
    spec_.checks_gradient = recovery_.is_wanted();
    spec_.loss = loss_from(params["loss"].text());
    spec_.optimizer = {params["optimizer"].alternative(), params["optimizer"].alternative_params()};
    spec_.reduction = params["reduction"].text() == "ordered" ? Reduction::ordered : Reduction::fast;
    for (const ParamValue& metric : params["metrics"].list()) metrics_.push_back(metric.text());
    if (!params["init_from"].is_null()) init_from_ = params["init_from"].text();
    spec_.precision = precision_from(params["precision"].text());
  }

  void infer(InferContext& ctx) override {
    ctx.draws(kPurpose);
    require_different_metrics(metrics_, ctx);
    ctx.measures("metrics", metric_names());
    const PortSpec& in = ctx.input("in");
    // Before anything runs, so that every rank ends for this reason and none because another has.
    if (const std::string why = why_not_ordered(launched_ranks().size); !why.empty())
      return ctx.error(ErrorSite::param("reduction"), "rank-count", why, kOtherRanks);
    infer_model(in, *in.find("inputs"), *in.find("targets"), ctx);
    if (!init_from_.empty()) infer_initial_weights(init_from_, *spec_.model, ctx);
    check_batches(spec_.loss, *spec_.model, in, "in", ctx);
    check_metrics(metrics_, spec_.loss, *spec_.model, spec_.targets, ctx);
  }

  void open(OpenContext& ctx) override {
    spec_.seed = ctx.seed(kPurpose);
    reporter_ = &ctx.reporter();
    open_ranks(ctx);
    const PortSpec& in = ctx.input("in");
    if (in.rows_per_epoch && in.max_rows > 0) steps_per_epoch_ = (*in.rows_per_epoch + in.max_rows - 1) / in.max_rows;
    on_host_ = ctx.device().is_host();
    check_.begin(spec_.loss, in, on_host_);
    step_ = make_train_step(ctx.device(), spec_);
    if (!init_from_.empty()) load_initial_weights(init_from_, *spec_.model, *step_);
    recovery_.open(*step_, *reporter_);
  }

  void process(SerialContext& ctx) override {
    const Packet& batch = ctx.input("in");
    if (!epoch_.is(batch.header.epoch)) {
      epoch_.begin(batch.header.epoch);
      recovery_.begin_epoch();
    }
    if (batch.header.epoch > 0 && rows_over_ranks(batch) > 0 && !epoch_.was_taken(batch.header)) {
      train(ctx, batch);
      ctx.keep_until(step_->enqueued(), batch);
    }
    if (!batch.header.last_in_epoch) return;
    ctx.when(step_->enqueued(), [this, epoch = batch.header.epoch](SerialContext& later) { end_epoch(later, epoch); });
  }

  void close() noexcept override { step_.reset(); }

  // save has waited for all batches, so that their sums are known.
  void save(StageState& state) const override {
    step_->save(state);
    epoch_.save(state, step_->sums_so_far());
    recovery_.save(state);
  }
  void load(const StageState& state) override {
    step_->load(state);
    epoch_.load(state);
    recovery_.load(state);
  }

 private:
  static constexpr const char* kPurpose =
      "model";  ///< initial weights and dropout, each layer's keyed apart by the step
  static constexpr const char* kOtherRanks = "start 1, 2 or 4 processes, or use `reduction: fast`";
  std::string why_not_ordered(int ranks) const {
    if (spec_.reduction == Reduction::fast || ranks == 1 || ranks == 2 || ranks == 4) return {};
    return fmt::format("`reduction: ordered` cannot run on {} processes", ranks);
  }

  void open_ranks(OpenContext& ctx) {
    communicator_ = &ctx.communicator();
    share_ = ctx.share();
    spec_.communicator = communicator_;
    epoch_.open(*communicator_, spec_.reduction);
    const int ranks = communicator_->size();
    if (const std::string why = why_not_ordered(ranks); !why.empty())
      throw Error(ErrorKind::config, "rank-count", why, kOtherRanks);
    // A step that sums nothing would let each rank train a model of its own.
    if (const std::string reason = why_no_reduction(spec_, ctx.device().id()); !reason.empty())
      throw Error(ErrorKind::device, "no-reduction",
                  fmt::format("cannot train on {} as asked: {}", to_string(ctx.device().id()), reason),
                  spec_.reduction == Reduction::ordered
                      ? "use `reduction: fast`, or train on the CPU: --set device=cpu"
                      : "install NCCL 2.19 or newer, or train on the CPU: --set device=cpu");
    if (share_.is_whole()) return;
    epoch_rows_ = ctx.input("in").rows_per_epoch.value();
    spec_.max_batch_rows = (spec_.max_batch_rows + ranks - 1) / ranks;
  }

  /// Rows of the batch in hand over all ranks.
  std::int64_t rows_over_ranks(const Packet& packet) const {
    return share_.is_whole() ? packet.rows : share_.rows_of_batch(epoch_.batches(), epoch_rows_);
  }

  void infer_model(const PortSpec& in, const TensorSpec& inputs, const TensorSpec& targets, InferContext& ctx) {
    ModelSpec built = build_model(layers_, inputs.row_shape[0], ctx, "model");
    freeze_layers(freeze_, built, ctx);
    const auto model = std::make_shared<const ModelSpec>(std::move(built));
    const std::string last_path = fmt::format("model.{}", model->layers.size() - 1);
    check_loss(*model, spec_.loss, last_path, ctx);
    check_targets(targets, *model, last_path, ctx);
    spec_.model = model;
    spec_.max_batch_rows = in.max_rows;
    spec_.inputs = inputs;
    spec_.targets = targets;
    spec_.weighted = in.find("weights") != nullptr;
    ctx.uses_memory("training step", train_step_bytes(spec_, ctx.device()));
    Recovery::infer(on_nan_, spec_, ctx);
    PortSpec port = PortSpec::of_kind(PortKind::model);
    port.model = model;
    port.loss = spec_.loss;
    port.reduction = spec_.reduction;
    ctx.output("model", port);
    port.kind = PortKind::metrics;
    ctx.output("metrics", std::move(port));
  }

  void train(SerialContext& ctx, const Packet& packet) {
    epoch_.begin_batch(ctx.seconds());
    const std::int64_t rows = rows_over_ranks(packet);
    TrainBatch batch;
    batch.inputs = &packet.tensor("inputs");
    batch.targets = &packet.tensor("targets");
    if (spec_.weighted) batch.weights = &packet.tensor("weights");
    batch.epoch = packet.header.epoch;
    batch.sample_ids = packet.sample_ids();
    batch.rows_over_ranks = rows;
    batch.last_in_epoch = packet.header.last_in_epoch;
    require_own_part(share_, packet, epoch_.batches(), epoch_rows_);
    check_.require(packet, *reporter_);
    const BatchSums sums = train_step(batch, packet);
    epoch_.end_batch(sums, rows, ctx.seconds());
    report(packet.header.epoch);
  }

  /// The place in the error is that of the batch; which layer it was the weights tell.
  BatchSums train_step(const TrainBatch& batch, const Packet& packet) {
    try {
      const BatchSums sums = step_->train(batch);
      recovery_.step_done();
      return sums;
    } catch (Error& error) {
      if (error.kind() != ErrorKind::diverged) throw;
      const std::string data = on_host_ ? not_finite_in(packet) : "";
      if (recovery_.goes_on(error, data, batch.epoch, epoch_.batches() + 1)) return {};
      if (!data.empty())
        throw Error(error.kind(), error.name(), fmt::format("{}: {}", error.message(), data), kFiniteData);
      error.add_note(weights_note(batch.epoch));
      throw;
    }
  }

  std::string weights_note(std::uint32_t epoch) const {
    try {
      const std::string where = step_->snapshot(epoch)->not_finite();
      return where.empty() ? "all weights are still finite: inputs, targets, outputs of a layer or a penalty on "
                             "weights are too large"
                           : "not finite already: " + where;
    } catch (const Error&) {  // a device that has thrown may not give its weights any more
      return "the device does not say which weights";
    }
  }

  void report(std::uint32_t epoch) {
    StepProgress progress;
    progress.epoch = epoch;
    progress.step = epoch_.batches();
    progress.steps = steps_per_epoch_;
    BatchSums known = epoch_.sums();
    known.add(step_->sums_so_far());  // on a device that works asynchronously, those of the batches that are done
    progress.samples = share_.is_whole() ? static_cast<std::int64_t>(known.samples)
                                         : std::min(progress.step * share_.batch_rows, epoch_rows_);
    if (known.samples > 0) progress.loss = mean_of("loss", known);
    if (known.samples > 0 && wants("accuracy")) progress.accuracy = mean_of("accuracy", known);
    progress.seconds = epoch_.seconds_of_batches();
    reporter_->step(progress);
  }

  bool wants(std::string_view metric) const {
    return std::find(metrics_.begin(), metrics_.end(), metric) != metrics_.end();
  }

  std::vector<std::string> metric_names() const {
    std::vector<std::string> names{"loss"};
    for (const std::string& name : millrace::metric_names())
      if (wants(name)) names.push_back(name);
    for (const std::string& name : recovery_.metric_names()) names.push_back(name);
    names.insert(names.end(), {"seconds", "samples_per_second"});
    return names;
  }

  std::shared_ptr<const Metrics> epoch_metrics_of(std::uint32_t epoch) {
    auto metrics = std::make_shared<Metrics>();
    metrics->epoch = epoch;
    const BatchSums& sums = epoch_.sums();
    if (sums.samples == 0) return metrics;
    const double seconds = epoch_.seconds();
    metrics->set("loss", mean_of("loss", sums));
    for (const std::string& name : millrace::metric_names())
      if (wants(name)) metrics->set(name, mean_of(name, sums));
    recovery_.add_to(*metrics);
    metrics->set("seconds", seconds);
    metrics->set("samples_per_second", sums.samples / std::max(seconds, 1e-9));
    if (const auto deviation = step_->reduction_deviation()) metrics->set("reduction_deviation", *deviation);
    return metrics;
  }

  void end_epoch(SerialContext& ctx, std::uint32_t epoch) {
    OutputPacket metrics, model;
    check_.end_epoch(*reporter_);
    const BatchSums late = step_->take_sums();
    epoch_.add_late(late, late.samples != 0 ? ctx.seconds() : 0);
    epoch_.add_up_ranks();
    recovery_.end_epoch(epoch);
    metrics.metrics = epoch_metrics_of(epoch);
    model.model = metrics.model = step_->snapshot(epoch);
    require_equal_weights(*communicator_, *model.model, epoch);
    metrics.last_in_epoch = model.last_in_epoch = true;
    // The model first: an epoch whose weights are not finite is not listed.
    ctx.emit("model", std::move(model));
    ctx.emit("metrics", std::move(metrics));
    agree_on_stop(*communicator_);
  }

  ParamValue layers_, freeze_;
  Recovery::Kind on_nan_;
  Recovery recovery_;
  std::vector<std::string> metrics_;
  std::string init_from_;  ///< empty: every layer begins with what the seed gives
  TrainSpec spec_;
  std::int64_t steps_per_epoch_ = 0;
  RunReporter* reporter_ = nullptr;
  Communicator* communicator_ = nullptr;
  RowShare share_;
  std::int64_t epoch_rows_ = 0;  ///< over all ranks, when they share the rows
  BatchCheck check_;
  std::unique_ptr<TrainStep> step_;
  RunningEpoch epoch_;
  bool on_host_ = false;
};

MILLRACE_REGISTER_STAGE("trainer", Trainer);

}  // namespace
}  // namespace millrace::stages
