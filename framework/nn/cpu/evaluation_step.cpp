// Evaluation on the CPU: the forward pass alone, over the weights of a snapshot. One parallel region a batch.
#include "evaluation_step.hpp"

#include "nn/cpu/kernels/elementwise.hpp"
#include "nn/cpu/kernels/kernels.hpp"
#include "nn/cpu/kernels/parallel.hpp"
#include "nn/cpu/pass/forward.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace millrace::cpu {
namespace {

ForwardNeeds evaluation_needs(std::int64_t max_batch_rows) { return {max_batch_rows, false, true, true}; }

struct EvaluationLayout {
  EvaluationLayout(const ModelSpec& model, std::int64_t max_batch_rows)
      : forward(model, evaluation_needs(max_batch_rows), scratch) {}
  ScratchLayout scratch;  // before `forward`, which takes from it
  ForwardLayout forward;
};

double penalty_of(const ModelSpec& model, const float* weights) {
  double penalty = 0;
  for (const LayerSpec& layer : model.layers)
    if (layer.l2 > 0)
      penalty +=
          static_cast<double>(layer.l2) * sum_of_squares(weights + layer.kernel_offset, layer.inputs * layer.outputs);
  return penalty;
}

class CpuEvaluationStep final : public EvaluationStep {
 public:
  CpuEvaluationStep(Device& device, const nn::EvaluationSpec& spec)
      : model_(spec.model),
        layout_(*model_, spec.max_batch_rows),
        scratch_(device.memory(), layout_.scratch.bytes()),
        forward_(*model_, spec.loss, layout_.forward, evaluation_needs(spec.max_batch_rows), scratch_, 0) {
    compile_products(*model_, spec.max_batch_rows, false);
  }

  BatchSums evaluate(const ModelSnapshot& snapshot, const TrainBatch& batch) override {
    if (batch.inputs->rows() == 0) return {};
    const std::vector<Range> parts = parts_of(batch);
    run(snapshot, batch, parts);
    const double penalty = penalty_of_snapshot(snapshot);
    std::vector<BatchSums> sums;
    for (const Range& part : parts) {
      sums.push_back(forward_.sums(part));
      sums.back().penalty = penalty * sums.back().samples;
    }
    return sum_in_pairs(sums);
  }

  void predict(const ModelSnapshot& snapshot, const Tensor& inputs, std::span<float> outputs) override {
    TrainBatch batch;
    batch.inputs = &inputs;
    const auto values = static_cast<std::size_t>(inputs.rows() * model_->outputs());
    if (outputs.size() != values)
      throw Error(ErrorKind::run, "shape-mismatch",
                  "the place for outputs holds " + std::to_string(outputs.size()) + " values, the model gives " +
                      std::to_string(values));
    if (values == 0) return;
    run(snapshot, batch, parts_of(batch));
    std::copy_n(forward_.output_of(model_->layers.size() - 1), values, outputs.data());
  }

 private:
  static std::vector<Range> parts_of(const TrainBatch& batch) {
    if (batch.part_rows.empty()) return {{0, batch.inputs->rows()}};
    std::vector<Range> parts;
    std::int64_t first = 0;
    for (const std::int64_t rows : batch.part_rows) parts.push_back({std::exchange(first, first + rows), rows});
    if (first != batch.inputs->rows())
      throw Error(ErrorKind::run, "shape-mismatch",
                  "the parts of the batch have " + std::to_string(first) + " rows, the batch has " +
                      std::to_string(batch.inputs->rows()));
    return parts;
  }

  void run(const ModelSnapshot& snapshot, const TrainBatch& batch, const std::vector<Range>& parts) {
    if (snapshot.weights().size() != static_cast<std::size_t>(model_->parameters()))
      throw Error(ErrorKind::run, "shape-mismatch",
                  "the snapshot has " + std::to_string(snapshot.weights().size()) + " weights, the model has " +
                      std::to_string(model_->parameters()));
    forward_.begin(batch, snapshot.weights().data());
    const std::vector<Range> shards = row_shards(parts);
    run_tasks(shards.size(), [&](std::size_t i) { forward_.run(shards[i]); });
  }

  // The weights of a snapshot do not change from batch to batch, and reading all of them costs as much as a small batch.
  double penalty_of_snapshot(const ModelSnapshot& snapshot) {
    if (snapshot.identity() != penalized_) penalty_ = penalty_of(*model_, snapshot.weights().data());
    penalized_ = snapshot.identity();
    return penalty_;
  }

  std::shared_ptr<const ModelSpec> model_;
  std::uint64_t penalized_ = 0;  ///< the snapshot that `penalty_` is of
  double penalty_ = 0;
  EvaluationLayout layout_;
  Scratch scratch_;
  Forward forward_;
};

}  // namespace

std::unique_ptr<EvaluationStep> make_cpu_evaluation_step(Device& device, const nn::EvaluationSpec& spec) {
  return std::make_unique<CpuEvaluationStep>(device, spec);
}

std::size_t cpu_evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, Precision) {
  return EvaluationLayout(model, max_batch_rows).scratch.bytes();
}

}  // namespace millrace::cpu
