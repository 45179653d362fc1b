// Models, and the step that trains them. A TrainStep owns the weights on its device and does a whole batch.
//
// Layers, losses, optimizers and initializers describe themselves with the types of param.hpp, as stages do.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/detail/batch_sums.hpp>
#include <millrace/detail/export.hpp>
#include <millrace/detail/model_kinds.hpp>
#include <millrace/device.hpp>
#include <millrace/packet.hpp>
#include <millrace/param.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

MILLRACE_EXPORT std::string_view to_string(Activation);
MILLRACE_EXPORT std::string_view to_string(Loss);
MILLRACE_EXPORT std::string_view to_string(LayerKind);
MILLRACE_EXPORT std::string_view to_string(Precision);
/// The precision of a checked value of precision_param_type(). Throws Error("unknown-precision", run).
MILLRACE_EXPORT Precision precision_from(std::string_view name);
/// The loss of a checked value of loss_param_type(). Throws Error("unknown-loss", run).
MILLRACE_EXPORT Loss loss_from(std::string_view name);
/// Whether the activation's values may be taken for probabilities of classes.
MILLRACE_EXPORT bool gives_probabilities(Activation);
/// What the last layer must be, where the gradient of loss and activation is that of the pair.
MILLRACE_EXPORT std::optional<Activation> needed_activation(Loss);

/// One layer with its widths known. I inputs, O outputs.
struct MILLRACE_EXPORT LayerSpec {
  LayerKind kind = LayerKind::dense;
  std::int64_t inputs = 0, outputs = 0;
  Activation activation = Activation::linear;
  bool use_bias = true;
  float l2 = 0;                                     ///< dense: adds l2 * sum(kernel^2) to the loss
  float rate = 0;                                   ///< dropout: share of units set to zero
  bool is_frozen = false;                           ///< training leaves its weights as they are
  ParamValue kernel_initializer, bias_initializer;  ///< one-of values
  std::int64_t kernel_offset = 0, bias_offset = 0;  ///< into the flat buffer of weights, in floats

  std::int64_t parameters() const;
  /// "dense", "dropout".
  std::string_view name() const { return to_string(kind); }
};

/// A stack of layers. Weights lie in one flat float32 buffer: layers in order, kernel [inputs, outputs] row-major, then bias.
struct MILLRACE_EXPORT ModelSpec {
  std::int64_t inputs = 0;
  std::vector<LayerSpec> layers;

  std::int64_t outputs() const;
  std::int64_t parameters() const;
  /// Those that training changes.
  std::int64_t trainable_parameters() const;
};

/// Optimizer with its parameters; `params` is the checked record of the chosen alternative.
struct OptimizerSpec {
  std::string name;  ///< name of an alternative of optimizer_param_type()
  ParamValue params;
};

/// Names of what the optimizer keeps beside each weight, in the order of "optimizer/0", "optimizer/1", ... in what TrainStep::save puts:
/// "velocity", "mean", "mean_square", "accumulator". Throws Error("unknown-optimizer", run).
MILLRACE_EXPORT std::vector<std::string> optimizer_slots(const OptimizerSpec&);

/// Type of the trainer's `model` parameter: a list of one-of layers.
MILLRACE_EXPORT ParamType model_param_type();
/// One-of optimizers.
MILLRACE_EXPORT ParamType optimizer_param_type();
/// Choice of losses.
MILLRACE_EXPORT ParamType loss_param_type();
/// Choice of precisions.
MILLRACE_EXPORT ParamType precision_param_type();
/// The metrics beside the loss, in the order in which they are reported.
MILLRACE_EXPORT std::vector<std::string> metric_names();
/// Whether a metric means something only where rows are sorted into classes. False for a name that no metric has.
MILLRACE_EXPORT bool is_for_classes(std::string_view metric);
/// Choice of the metrics that a trainer can be asked for. The loss always comes.
MILLRACE_EXPORT ParamType metric_param_type();
/// rmsprop with Keras's defaults.
MILLRACE_EXPORT ParamValue default_optimizer();

/// Builds the stack for rows of `inputs` values. `layers` is a checked value of model_param_type(). Problems (softmax before
/// the last layer, ...) are reported to `ctx` at the parameter `path` + ".0.dense...."; the result is then not to be used.
MILLRACE_EXPORT ModelSpec build_model(const ParamValue& layers, std::int64_t inputs, InferContext& ctx,
                                      const std::string& path);

/// Initial weights, `model.parameters()` floats. Randomness is keyed by (seed, "init/<layer>/kernel" or ".../bias", index).
MILLRACE_EXPORT std::vector<float> initial_weights(const ModelSpec& model, std::uint64_t seed);

/// The weights of a model at the end of an epoch; immutable, any thread.
class MILLRACE_EXPORT ModelSnapshot {
 public:
  ModelSnapshot(std::shared_ptr<const ModelSpec> model, Loss loss, std::uint32_t epoch, std::vector<float> weights);
  const ModelSpec& model() const { return *model_; }
  Loss loss() const { return loss_; }
  std::uint32_t epoch() const { return epoch_; }
  std::span<const float> weights() const { return weights_; }
  /// A number above 0 that no snapshot with other weights has in this process: who computes something from the weights once keeps
  /// it under this.
  std::uint64_t identity() const { return identity_; }
  /// SHA-256 over the float32 little-endian weights: layers in order, kernel [in,out] row-major, then bias, no padding.
  std::string weights_sha256() const;
  /// The first weight that is not finite, for a person: "the kernel of layer 1 (dense)"; empty when all are.
  std::string not_finite() const;

 private:
  std::shared_ptr<const ModelSpec> model_;
  Loss loss_;
  std::uint32_t epoch_;
  std::vector<float> weights_;
  std::uint64_t identity_;
};

/// How the gradients of several ranks become one. `ordered`: each batch is cut into four parts by position, on any number of
/// ranks, and their gradients are summed as (0+1)+(2+3), so that 1, 2 and 4 ranks get the same bits.
enum class Reduction : std::uint8_t { fast, ordered };

/// Everything a training step is made from.
struct TrainSpec {
  std::shared_ptr<const ModelSpec> model;
  Loss loss = Loss::categorical_crossentropy;
  OptimizerSpec optimizer;
  std::uint64_t seed = 0;
  std::int64_t max_batch_rows = 0;
  TensorSpec inputs;      ///< row shape [I], any encoding
  TensorSpec targets;     ///< row shape [O], any encoding
  bool weighted = false;  ///< batches carry a weight a row
  Precision precision = Precision::float32;
  Reduction reduction = Reduction::fast;
  Communicator* communicator = nullptr;  ///< null, or of one rank: a process that is alone; outlives the step
  /// "diverged" is thrown for a gradient that is not finite as well, on every device. Of a step on the CPU the next one can be taken then.
  bool checks_gradient = false;
};

/// One batch. Its tensors are only read. `weights` is null unless the spec says weighted: f32, one a row. A row's weight scales
/// its loss and gradient; the mean is taken over the rows, as Keras does. Other metrics are not weighted.
struct TrainBatch {
  const Tensor* inputs = nullptr;
  const Tensor* targets = nullptr;
  const Tensor* weights = nullptr;
  std::uint32_t epoch = 0;
  std::span<const std::uint64_t> sample_ids;
  /// Rows of the batch over all ranks, of which the tensors hold this rank's part; 0: the tensors hold all.
  std::int64_t rows_over_ranks = 0;
  bool last_in_epoch = false;
  /// Evaluation for `Reduction::ordered`: the rows of each part of the batch, 4, 2 or 1 of them. Each part is measured as a
  /// batch of its own, and their sums are added in pairs. Empty: the batch is one part.
  std::vector<std::int64_t> part_rows = {};
};

/// The mean over the rows of `sums` of "loss", with the penalty, or of one of metric_names(). Throws Error("unknown-metric", run).
MILLRACE_EXPORT double mean_of(std::string_view metric, const BatchSums& sums);

/// The sums of 1, 2 or 4 parts as one, added in pairs: (0+1)+(2+3). What 1, 2 and 4 ranks have of a batch gives the same bits.
MILLRACE_EXPORT BatchSums sum_in_pairs(std::span<const BatchSums> parts);
/// The sums of an epoch over all ranks, each of which has measured its part of every batch. `fast`: those of each rank, in rank
/// order. `ordered`: those of each batch in pairs of ranks, then batch after batch; the same bits on 1, 2 and 4 ranks. Every
/// rank calls it with as many batches.
MILLRACE_EXPORT BatchSums sum_over_ranks(Communicator&, std::span<const BatchSums> batches, Reduction);

/// Trains. One thread at a time; may use further threads of the caller's oneTBB arena while a call lasts.
class MILLRACE_EXPORT TrainStep {
 public:
  virtual ~TrainStep();
  /// Forward, loss, backward, update over the whole batch; a batch of no rows changes nothing. Throws Error("diverged", diverged) before the update when the
  /// loss is not finite.
  /// A device that works asynchronously only enqueues the batch and returns zeros; it keeps the tensors alive as long as it
  /// reads them. Its sums come from take_sums(), and "diverged" is thrown by a later call, with the weights as they were
  /// before the step that diverged.
  virtual BatchSums train(const TrainBatch&) = 0;
  /// Sums of all batches since the last call whose sums `train` did not return. Waits until they are done; once an epoch.
  virtual BatchSums take_sums() { return {}; }
  /// The same without waiting and without taking them: those of the batches that are done. Cheap.
  virtual BatchSums sums_so_far() { return {}; }
  /// A copy of the weights as they stand; waits for the batches enqueued.
  virtual std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const = 0;
  /// From the next step on the learning rate is the optimizer's times `factor`. Not part of what is saved.
  virtual void scale_learning_rate(double factor) = 0;
  /// Weights, optimizer state and step counter.
  virtual void save(StageState&) const = 0;
  virtual void load(const StageState&) = 0;
  /// Several ranks with `reduction: fast`, after a batch that was the last of its epoch: the largest difference of any
  /// component of its gradient from that of `ordered`, over the largest component of the latter. Empty otherwise, for numbers of
  /// ranks that `ordered` refuses, and on devices that have no `ordered`.
  virtual std::optional<double> reduction_deviation() const { return {}; }
  /// Bytes of weights, gradients, optimizer state and activations.
  virtual std::size_t memory_bytes() const = 0;
  /// Behind the work of the last batch: the caller keeps the batch alive until this is done, and thereby no more batches
  /// are under way than the budgets of the sources allow. Already done where `train` returns when all is done.
  virtual Event enqueued() { return {}; }
};

/// Forward pass and metrics of snapshots; keeps scratch memory only. One thread at a time.
class MILLRACE_EXPORT EvaluationStep {
 public:
  virtual ~EvaluationStep();
  /// As with TrainStep::train, an asynchronous device returns zeros; the sums then come from take_sums().
  virtual BatchSums evaluate(const ModelSnapshot&, const TrainBatch&) = 0;
  /// Sums of all batches since the last call whose sums `evaluate` did not return. Waits until they are done.
  virtual BatchSums take_sums() { return {}; }
  /// Outputs of the model, rows * outputs() floats.
  virtual void predict(const ModelSnapshot&, const Tensor& inputs, std::span<float> outputs) = 0;
  /// As TrainStep::enqueued.
  virtual Event enqueued() { return {}; }
};

/// Bytes that make_train_step and make_evaluation_step will take from the device's memory, for `plan`. Pure arithmetic.
MILLRACE_EXPORT std::size_t train_step_bytes(const TrainSpec&, const DeviceId& = {});
MILLRACE_EXPORT std::size_t evaluation_step_bytes(const ModelSpec&, std::int64_t max_batch_rows, const DeviceId& = {},
                                                  Precision = Precision::float32);

/// Why steps of a device cannot sum gradients over the ranks of `spec.communicator`, or in the order of `spec.reduction`; empty
/// when they can, or need not.
MILLRACE_EXPORT std::string why_no_reduction(const TrainSpec&, const DeviceId&);

/// The steps of a device, with factors of products rounded as the precision allows. nn/cpu and cuda register theirs by device
/// kind; device/ knows none of them.
MILLRACE_EXPORT std::unique_ptr<TrainStep> make_train_step(Device&, const TrainSpec&);
MILLRACE_EXPORT std::unique_ptr<EvaluationStep> make_evaluation_step(Device&, std::shared_ptr<const ModelSpec>, Loss,
                                                                     const TensorSpec& inputs,
                                                                     const TensorSpec& targets,
                                                                     std::int64_t max_batch_rows,
                                                                     Precision = Precision::float32);

}  // namespace millrace
