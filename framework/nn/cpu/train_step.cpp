// The training step on the CPU: two parallel regions a batch. The first runs over shards of rows: forward pass, loss and the
// backward chain through the activations. The second runs over slabs of weights: the gradient over the whole batch, then the
// update while the slab is in the cache.
#include "../optimizer.hpp"
#include "../step_factories.hpp"
#include "backward.hpp"
#include "elementwise.hpp"
#include "forward.hpp"
#include "gemm.hpp"
#include "parallel.hpp"
#include "steps.hpp"
#include "training_state.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <optional>
#include <string>

namespace millrace::cpu {
namespace {

ForwardNeeds needs_of(const TrainSpec& spec) {
  return {spec.max_batch_rows, true, !is_dense_f32(spec.inputs), needs_decoding_as_target(spec.targets)};
}

/// Where everything of a training step lies.
struct TrainLayout {
  explicit TrainLayout(const TrainSpec& spec) : forward(*spec.model, needs_of(spec), scratch) {
    const std::int64_t parameters = spec.model->parameters();
    weights = scratch.floats(parameters);
    gradient = scratch.floats(parameters);
    for (int i = 0; i < nn::Optimizer(spec.optimizer).state_slots(); ++i) state.push_back(scratch.floats(parameters));
    for (const LayerSpec& layer : spec.model->layers)
      deltas.push_back(layer.kind == LayerKind::dense ? scratch.floats(spec.max_batch_rows * layer.outputs) : 0);
  }
  ScratchLayout scratch;  // before `forward`, which takes from it
  ForwardLayout forward;
  std::size_t weights = 0, gradient = 0;
  std::vector<std::size_t> state, deltas;
};

/// What a slab contributes to sums over all weights, added up in slab order.
struct SlabSums {
  double penalty = 0, gradient_squares = 0;
};

class CpuTrainStep final : public TrainStep {
 public:
  CpuTrainStep(Device& device, const TrainSpec& spec);

  BatchSums train(const TrainBatch& batch) override;
  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override;
  void save(StageState& state) const override;
  void load(const StageState& state) override;
  std::size_t memory_bytes() const override { return scratch_.bytes(); }

 private:
  const ModelSpec& model() const { return *spec_.model; }
  std::size_t parameters() const { return static_cast<std::size_t>(model().parameters()); }
  void learn(BatchSums& sums);
  void find_gradient(const Slab& slab, SlabSums& sums);
  void update_slab(const Slab& slab, const math::UpdateConstants& constants, float factor);
  const std::vector<Slab>& slabs_for(std::int64_t rows);

  TrainSpec spec_;
  nn::Optimizer optimizer_;
  TrainLayout layout_;
  Scratch scratch_;
  Forward forward_;
  float* weights_;
  float* gradient_;
  std::vector<float*> state_;
  std::unique_ptr<Backward> backward_;
  std::map<std::int64_t, std::vector<Slab>> slabs_;  ///< by row count; two entries: full batches and the last one
  std::vector<SlabSums> slab_sums_;
  std::uint64_t steps_ = 0;
};

CpuTrainStep::CpuTrainStep(Device& device, const TrainSpec& spec)
    : spec_(spec),
      optimizer_(spec.optimizer),
      layout_(spec),
      scratch_(device.memory(), layout_.scratch.bytes()),
      forward_(*spec_.model, spec_.loss, layout_.forward, needs_of(spec_), scratch_, spec_.seed),
      weights_(scratch_.at<float>(layout_.weights)),
      gradient_(scratch_.at<float>(layout_.gradient)) {
  const std::vector<float> initial = initial_weights(model(), spec.seed);
  std::copy(initial.begin(), initial.end(), weights_);
  for (const std::size_t offset : layout_.state) {
    state_.push_back(scratch_.at<float>(offset));
    std::fill_n(state_.back(), parameters(), 0.0F);
  }
  std::vector<float*> deltas;
  for (const std::size_t offset : layout_.deltas) deltas.push_back(scratch_.at<float>(offset));
  backward_ = std::make_unique<Backward>(*spec_.model, spec_.loss, forward_, weights_, std::move(deltas));
}

BatchSums CpuTrainStep::train(const TrainBatch& batch) {
  forward_.begin(batch, weights_);
  const std::vector<Range> shards = row_shards(forward_.rows());
  const float share = 1.0F / static_cast<float>(forward_.rows());
  run_tasks(shards.size(), [&](std::size_t i) {
    forward_.run(shards[i]);
    backward_->run(shards[i], share);
  });
  BatchSums sums = forward_.sums();
  if (!std::isfinite(sums.loss))
    throw Error(ErrorKind::diverged, "diverged",
                "the loss of step " + std::to_string(steps_ + 1) + " is not finite; the weights are those before it",
                "lower the learning rate, clip the gradient (clip_norm) or check the range of the inputs");
  learn(sums);
  return sums;
}

const std::vector<Slab>& CpuTrainStep::slabs_for(std::int64_t rows) {
  auto found = slabs_.find(rows);
  if (found == slabs_.end()) found = slabs_.emplace(rows, weight_slabs(model(), rows)).first;
  return found->second;
}

/// The second region. A clipped gradient needs its norm before any weight may change, hence a region more.
void CpuTrainStep::learn(BatchSums& sums) {
  const std::vector<Slab>& slabs = slabs_for(forward_.rows());
  const math::UpdateConstants constants = optimizer_.constants(++steps_);
  const bool clips = optimizer_.clip_norm() > 0;
  slab_sums_.assign(slabs.size(), {});
  run_tasks(slabs.size(), [&](std::size_t i) {
    find_gradient(slabs[i], slab_sums_[i]);
    if (!clips) update_slab(slabs[i], constants, 1.0F);
  });
  double squares = 0;
  for (const SlabSums& slab : slab_sums_) {
    sums.penalty += slab.penalty * sums.samples;
    squares += slab.gradient_squares;
  }
  if (!clips) return;
  const double norm = std::sqrt(squares);
  const float factor = norm > optimizer_.clip_norm() ? static_cast<float>(optimizer_.clip_norm() / norm) : 1.0F;
  run_tasks(slabs.size(), [&](std::size_t i) { update_slab(slabs[i], constants, factor); });
}

void CpuTrainStep::find_gradient(const Slab& slab, SlabSums& sums) {
  const LayerSpec& layer = model().layers[slab.layer];
  const std::int64_t offset = offset_of(model(), slab), count = weights_of(model(), slab);
  const float* delta = backward_->delta_of(slab.layer);
  float* gradient = gradient_ + offset;
  if (slab.is_bias) {
    sum_columns(delta + slab.range.first, forward_.rows(), layer.outputs, slab.range.count, gradient);
  } else {
    multiply_transposed_left(slab.range.count, layer.outputs, forward_.rows(),
                             {forward_.input_of(slab.layer) + slab.range.first, layer.inputs}, {delta, layer.outputs},
                             {gradient, layer.outputs});
    if (layer.l2 > 0) {
      sums.penalty = static_cast<double>(layer.l2) * sum_of_squares(weights_ + offset, count);
      add_penalty_gradient(2.0F * layer.l2, weights_ + offset, count, gradient);
    }
  }
  if (optimizer_.clip_norm() > 0) sums.gradient_squares = sum_of_squares(gradient, count);
}

void CpuTrainStep::update_slab(const Slab& slab, const math::UpdateConstants& constants, float factor) {
  const std::int64_t offset = offset_of(model(), slab), count = weights_of(model(), slab);
  if (factor != 1.0F) scale(factor, count, gradient_ + offset);
  UpdateArrays arrays{weights_ + offset, gradient_ + offset, {}};
  for (std::size_t i = 0; i < state_.size(); ++i) arrays.state[i] = state_[i] + offset;
  update(optimizer_.rule(), constants, count, arrays);
}

std::shared_ptr<const ModelSnapshot> CpuTrainStep::snapshot(std::uint32_t epoch) const {
  return std::make_shared<const ModelSnapshot>(spec_.model, spec_.loss, epoch,
                                               std::vector<float>(weights_, weights_ + parameters()));
}

void CpuTrainStep::save(StageState& state) const { save_training(state, {weights_, parameters()}, state_, steps_); }

void CpuTrainStep::load(const StageState& state) { load_training(state, {weights_, parameters()}, state_, steps_); }

}  // namespace

std::unique_ptr<TrainStep> make_cpu_train_step(Device& device, const TrainSpec& spec) {
  if (is_ranked(spec)) return make_ranked_train_step(device, spec);
  return std::make_unique<CpuTrainStep>(device, spec);
}

std::size_t cpu_train_step_bytes(const TrainSpec& spec) {
  return is_ranked(spec) ? ranked_train_step_bytes(spec) : TrainLayout(spec).scratch.bytes();
}

}  // namespace millrace::cpu
