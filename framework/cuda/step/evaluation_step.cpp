// Evaluation on a GPU: the forward pass over the weights of a snapshot, a captured graph for each form of batch.
#include "cuda/step/evaluation_step.hpp"

#include "cuda/device/shared_workspace.hpp"
#include "cuda/step/step_memory.hpp"
#include "cuda/step/step_program.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace millrace::cuda {
namespace {

double penalty_of(const ModelSpec& model, std::span<const float> weights) {
  double penalty = 0;
  for (const LayerSpec& layer : model.layers) {
    if (layer.l2 == 0) continue;
    for (std::int64_t i = 0; i < layer.inputs * layer.outputs; ++i) {
      const auto w = static_cast<double>(weights[static_cast<std::size_t>(layer.kernel_offset + i)]);
      penalty += static_cast<double>(layer.l2) * (w * w);
    }
  }
  return penalty;
}

/// The work for batches of one form; an evaluator sees one form, predict a second.
struct FormProgram {
  TensorSpec inputs;
  std::optional<TensorSpec> targets;
  bool weighted = false;
  StepProgram program;
};

class CudaEvaluationStep final : public EvaluationStep {
 public:
  CudaEvaluationStep(Device& device, const nn::EvaluationSpec& spec)
      : model_(spec.model),
        demand_(demand_of(*model_, spec.max_batch_rows, spec.precision)),
        workspace_(workspace_of(device, kWorkspaceBytes)),
        memory_(device, with(spec.loss), workspace_->base()) {}

  BatchSums evaluate(const ModelSnapshot& snapshot, const TrainBatch& batch) override {
    if (batch.inputs->rows() == 0) return {};
    use_device(memory_.device_index());
    run(snapshot, batch);
    penalty_ += penalty_of_weights_ * static_cast<double>(batch.inputs->rows());
    return {};
  }

  BatchSums take_sums() override {
    if (!memory_.has_untaken()) return {};
    use_device(memory_.device_index());
    BatchSums sums = memory_.take_sums();
    sums.penalty = std::exchange(penalty_, 0.0);
    return sums;
  }

  Event enqueued() override { return memory_.enqueued(); }

  void predict(const ModelSnapshot& snapshot, const Tensor& inputs, std::span<float> outputs) override {
    use_device(memory_.device_index());
    const auto width = static_cast<std::size_t>(model_->outputs()), rows = static_cast<std::size_t>(inputs.rows());
    if (outputs.size() != rows * width)
      throw Error(
          ErrorKind::run, "shape-mismatch",
          fmt::format("the place for outputs holds {} values, the model gives {}", outputs.size(), rows * width));
    if (rows == 0) return;
    TrainBatch batch;
    batch.inputs = &inputs;
    run(snapshot, batch);
    const StepLayout::Layer& last = memory_.layout().layers.back();
    const auto stride = static_cast<std::size_t>(last.stride);
    std::vector<float> padded(rows * stride);
    memory_.read(padded.data(), last.output, padded.size() * sizeof(float));
    for (std::size_t row = 0; row < rows; ++row)
      std::copy_n(padded.data() + row * stride, width, outputs.data() + row * width);
  }

 private:
  const StepDemand& with(Loss loss) {
    demand_.loss = loss;
    return demand_;
  }

  void run(const ModelSnapshot& snapshot, const TrainBatch& batch) {
    memory_.check(batch);
    use_weights(snapshot);
    StepProgram& program = program_for(batch);
    memory_.bring(batch, {batch.inputs->rows(), ++steps_, batch.epoch, {}});
    workspace_->take_turn(memory_.stream(), [&] { program.is_captured() ? program.replay() : program.enqueue(); });
    memory_.end_batch();
    if (!program.is_captured()) program.capture();  // now that its kernels are loaded
  }

  /// An evaluator uses one snapshot for a whole epoch: the weights go to the GPU when they change.
  void use_weights(const ModelSnapshot& snapshot) {
    const std::span<const float> weights = snapshot.weights();
    if (weights.size() != static_cast<std::size_t>(model_->parameters()))
      throw Error(ErrorKind::run, "shape-mismatch",
                  fmt::format("the snapshot has {} weights, the model has {}", weights.size(), model_->parameters()));
    if (snapshot.identity() == on_gpu_) return;
    memory_.set_weights(weights);
    on_gpu_ = snapshot.identity();
    penalty_of_weights_ = penalty_of(*model_, weights);
  }

  /// The search runs products in the workspace that all evaluation steps share.
  CanFuse can_fuse() {
    return [this](const Matmul& product) {
      bool fuses = false;
      workspace_->take_turn(memory_.stream(), [&] { fuses = memory_.can_fuse()(product); });
      return fuses;
    };
  }

  StepProgram& program_for(const TrainBatch& batch) {
    const TensorSpec* targets = batch.targets ? &batch.targets->spec() : nullptr;
    const bool weighted = batch.weights != nullptr;
    for (FormProgram& form : forms_)
      if (form.inputs == batch.inputs->spec() && form.targets.has_value() == (targets != nullptr) &&
          (!targets || *form.targets == *targets) && form.weighted == weighted)
        return form.program;
    const Ops ops = step_ops(demand_, memory_.layout(), memory_.base(), {&batch.inputs->spec(), targets, weighted},
                             can_fuse(), memory_.page());
    forms_.push_back({batch.inputs->spec(), targets ? std::optional(*targets) : std::nullopt, weighted,
                      StepProgram(ops, {}, memory_.streams())});
    return forms_.back().program;
  }

  std::shared_ptr<const ModelSpec> model_;
  StepDemand demand_;
  std::shared_ptr<SharedWorkspace> workspace_;  // before `memory_`, whose end waits for work in it
  StepMemory memory_;
  std::deque<FormProgram> forms_;
  std::uint64_t on_gpu_ = 0;  ///< the snapshot whose weights are there
  double penalty_of_weights_ = 0, penalty_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<EvaluationStep> make_cuda_evaluation_step(Device& device, const nn::EvaluationSpec& spec) {
  return std::make_unique<CudaEvaluationStep>(device, spec);
}

// With the workspace, though several steps share one: what is told is the most that they take.
std::size_t cuda_evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, Precision precision) {
  return StepLayout(demand_of(model, max_batch_rows, precision)).bytes + kWorkspaceBytes;
}

}  // namespace millrace::cuda
