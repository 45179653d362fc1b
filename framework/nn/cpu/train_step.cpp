// The training step on the CPU: forward and backward over the batch (batch_pass.hpp), then a phase over slabs of
// weights: the gradient over the whole batch, and the update while it is in the cache.
#include "../optimizer.hpp"
#include "../step_factories.hpp"
#include "backward.hpp"
#include "batch_pass.hpp"
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

/// What a slab contributes to sums over all weights, added up in the order of slabs.
struct SlabSums {
  double penalty = 0, gradient_squares = 0;
};

/// The work of a step over batches of the same number of rows.
struct StepPlan {
  std::vector<Slab> slabs;
  std::vector<SlabSums> sums;  ///< by slab
  std::vector<Phase> phases;
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
  StepPlan& plan_for(std::int64_t rows);
  void add_update(StepPlan& plan);
  using SlabTask = void (CpuTrainStep::*)(StepPlan& plan, std::size_t i, float* gradient);
  void add_over_slabs(StepPlan& plan, SlabTask task);
  float* gradient_of(const StepPlan& plan, std::size_t i, std::size_t thread) const;
  void sum_up();
  void find_gradient(StepPlan& plan, std::size_t i, float* gradient);
  void find_gradient_and_update(StepPlan& plan, std::size_t i, float* gradient);
  void find_clip_factor(const StepPlan& plan);
  void clip_and_update(StepPlan& plan, std::size_t i, float* gradient);
  void update_slab(const Slab& slab, const float* gradient);

  TrainSpec spec_;
  nn::Optimizer optimizer_;
  TrainLayout layout_;
  Scratch scratch_;
  Forward forward_;
  float* weights_;
  float* gradient_;
  std::vector<float*> state_;
  std::unique_ptr<Backward> backward_;
  std::map<std::int64_t, StepPlan> plans_;  ///< by row count; two entries: full batches and the last one
  BatchSums sums_;                          ///< of the batch in hand
  math::UpdateConstants constants_;
  float clip_factor_ = 1;
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
  StepPlan& plan = plan_for(forward_.rows());
  run_phases(plan.phases);
  for (const SlabSums& slab : plan.sums) sums_.penalty += slab.penalty * sums_.samples;
  return sums_;
}

StepPlan& CpuTrainStep::plan_for(std::int64_t rows) {
  const auto found = plans_.find(rows);
  if (found != plans_.end()) return found->second;
  StepPlan& plan = plans_[rows];
  plan.slabs = weight_slabs(model(), rows);
  plan.sums.resize(plan.slabs.size());
  add_batch_pass(plan.phases, model(), forward_, *backward_, rows);
  plan.phases.emplace_back(1, [this](std::size_t, std::size_t) { sum_up(); });
  add_update(plan);
  return plan;
}

/// A clipped gradient needs its norm before any weight may change, hence two phases more.
void CpuTrainStep::add_update(StepPlan& plan) {
  if (optimizer_.clip_norm() <= 0) return add_over_slabs(plan, &CpuTrainStep::find_gradient_and_update);
  add_over_slabs(plan, &CpuTrainStep::find_gradient);
  plan.phases.emplace_back(1, [this, &plan](std::size_t, std::size_t) { find_clip_factor(plan); });
  add_over_slabs(plan, &CpuTrainStep::clip_and_update);
}

void CpuTrainStep::add_over_slabs(StepPlan& plan, SlabTask task) {
  std::vector<double> places;
  for (const Slab& slab : plan.slabs) places.push_back(place_of(model(), slab));
  plan.phases.emplace_back(places, [this, &plan, task](std::size_t i, std::size_t thread) {
    (this->*task)(plan, i, gradient_of(plan, i, thread));
  });
}

/// A thread has one place for the gradients of all its slabs, one after the other, which so never leave its cache. Clipping
/// needs all of them at once; and for very many threads there are not so many places.
float* CpuTrainStep::gradient_of(const StepPlan& plan, std::size_t i, std::size_t thread) const {
  const auto largest = static_cast<std::size_t>(weights_of(model(), plan.slabs.front()));
  const bool all = optimizer_.clip_norm() > 0 || max_threads() * largest > parameters();
  return gradient_ + (all ? static_cast<std::size_t>(offset_of(model(), plan.slabs[i])) : thread * largest);
}

void CpuTrainStep::sum_up() {
  sums_ = forward_.sums();
  if (!std::isfinite(sums_.loss))
    throw Error(ErrorKind::diverged, "diverged",
                "the loss of step " + std::to_string(steps_ + 1) + " is not finite; the weights are those before it",
                "lower the learning rate, clip the gradient (clip_norm) or check the range of the inputs");
  constants_ = optimizer_.constants(++steps_);
}

void CpuTrainStep::find_gradient_and_update(StepPlan& plan, std::size_t i, float* gradient) {
  find_gradient(plan, i, gradient);
  update_slab(plan.slabs[i], gradient);
}

void CpuTrainStep::find_clip_factor(const StepPlan& plan) {
  double squares = 0;
  for (const SlabSums& slab : plan.sums) squares += slab.gradient_squares;
  const double norm = std::sqrt(squares);
  clip_factor_ = norm > optimizer_.clip_norm() ? static_cast<float>(optimizer_.clip_norm() / norm) : 1.0F;
}

void CpuTrainStep::clip_and_update(StepPlan& plan, std::size_t i, float* gradient) {
  if (clip_factor_ != 1.0F) scale(clip_factor_, weights_of(model(), plan.slabs[i]), gradient);
  update_slab(plan.slabs[i], gradient);
}

void CpuTrainStep::find_gradient(StepPlan& plan, std::size_t i, float* gradient) {
  const Slab& slab = plan.slabs[i];
  SlabSums& sums = plan.sums[i] = {};
  const LayerSpec& layer = model().layers[slab.layer];
  const std::int64_t count = weights_of(model(), slab);
  const float* delta = backward_->delta_of(slab.layer);
  const float* weights = weights_ + offset_of(model(), slab);
  if (slab.is_bias) {
    sum_columns(delta + slab.range.first, forward_.rows(), layer.outputs, slab.range.count, gradient);
  } else {
    multiply_transposed_left(slab.range.count, layer.outputs, forward_.rows(),
                             {forward_.input_of(slab.layer) + slab.range.first, layer.inputs}, {delta, layer.outputs},
                             {gradient, layer.outputs});
    if (layer.l2 > 0) {
      sums.penalty = static_cast<double>(layer.l2) * sum_of_squares(weights, count);
      add_penalty_gradient(2.0F * layer.l2, weights, count, gradient);
    }
  }
  if (optimizer_.clip_norm() > 0) sums.gradient_squares = sum_of_squares(gradient, count);
}

void CpuTrainStep::update_slab(const Slab& slab, const float* gradient) {
  const std::int64_t offset = offset_of(model(), slab);
  UpdateArrays arrays{weights_ + offset, gradient, {}};
  for (std::size_t i = 0; i < state_.size(); ++i) arrays.state[i] = state_[i] + offset;
  update(optimizer_.rule(), constants_, weights_of(model(), slab), arrays);
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
