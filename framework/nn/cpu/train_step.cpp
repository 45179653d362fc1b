// The training step on the CPU: forward and backward over the batch (batch_pass.hpp), then a phase over slabs of weights: the
// gradient over the whole batch, and the update while it is in the cache.
#include "../step_factories.hpp"
#include "backward.hpp"
#include "batch_pass.hpp"
#include "forward.hpp"
#include "live_columns.hpp"
#include "nn/cpu/kernels/gemm.hpp"
#include "nn/cpu/kernels/kernels.hpp"
#include "nn/cpu/kernels/parallel.hpp"
#include "steps.hpp"
#include "train_pass.hpp"
#include "trained_weights.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace millrace::cpu {
namespace {

/// Where everything of a training step lies.
struct TrainLayout {
  explicit TrainLayout(const TrainSpec& spec)
      : pass(spec, scratch), weights(spec, scratch), gradient(scratch.floats(spec.model->parameters())) {
    if (!has_live_columns(*spec.model)) return;
    const LayerSpec& first = spec.model->layers[0];
    live.emplace(spec.max_batch_rows, first.inputs, first.outputs, scratch);
    no_gradient = scratch.floats(first.outputs);
  }
  ScratchLayout scratch;  // before the others, which take from it
  TrainPassLayout pass;
  TrainedWeightsLayout weights;
  std::size_t gradient;
  std::optional<LiveColumnsLayout> live;
  std::size_t no_gradient = 0;  ///< of a row of the first layer
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
  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override { return weights_.snapshot(epoch); }
  void save(StageState& state) const override { weights_.save(state); }
  void load(const StageState& state) override { weights_.load(state); }
  std::size_t memory_bytes() const override { return scratch_.bytes(); }

 private:
  const ModelSpec& model() const { return *spec_.model; }
  StepPlan& plan_for(std::int64_t rows);
  void add_update(StepPlan& plan);
  using SlabTask = void (CpuTrainStep::*)(StepPlan& plan, std::size_t i, float* gradient);
  void add_over_slabs(StepPlan& plan, SlabTask task);
  float* gradient_of(const StepPlan& plan, std::size_t i, std::size_t thread) const;
  void sum_up();
  void find_gradient(StepPlan& plan, std::size_t i, float* gradient);
  void find_gradient_and_update(StepPlan& plan, std::size_t i, float* gradient);
  bool leaves_rows_out(const Slab& slab) const;
  void find_gradient_of_live(const Slab& slab, float* gradient) const;
  void update_live(const Slab& slab, float* gradient);
  void update(StepPlan& plan, std::size_t i, float* gradient) { weights_.update(plan.slabs[i], gradient); }

  TrainSpec spec_;
  TrainLayout layout_;
  Scratch scratch_;
  TrainedWeights weights_;
  Forward forward_;
  Backward backward_;
  float* gradient_;
  std::optional<LiveColumns> live_;
  float* no_gradient_;                      ///< zeros
  std::map<std::int64_t, StepPlan> plans_;  ///< by row count; two entries: full batches and the last one
  BatchSums sums_;                          ///< of the batch in hand
};

CpuTrainStep::CpuTrainStep(Device& device, const TrainSpec& spec)
    : spec_(spec),
      layout_(spec),
      scratch_(device.memory(), layout_.scratch.bytes()),
      weights_(spec_, layout_.weights, scratch_),
      forward_(make_forward(spec_, layout_.pass, scratch_)),
      backward_(make_backward(spec_, layout_.pass, scratch_, forward_, weights_.data())),
      gradient_(scratch_.at<float>(layout_.gradient)),
      no_gradient_(scratch_.at<float>(layout_.no_gradient)) {
  compile_products(model(), spec_.max_batch_rows, true);
  if (!layout_.live) return;
  live_.emplace(model().layers[0], weights_.data() + model().layers[0].kernel_offset, *layout_.live, scratch_);
  std::fill_n(no_gradient_, model().layers[0].outputs, 0.0F);
}

BatchSums CpuTrainStep::train(const TrainBatch& batch) {
  if (batch.inputs->rows() == 0) return {};
  forward_.begin(batch, weights_.data());
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
  add_batch_pass(plan.phases, model(), forward_, backward_, live_ ? &*live_ : nullptr, rows);
  plan.phases.emplace_back(1, [this](std::size_t, std::size_t) { sum_up(); });
  add_update(plan);
  return plan;
}

/// A clipped gradient needs its norm before any weight may change, hence two phases more.
void CpuTrainStep::add_update(StepPlan& plan) {
  if (!weights_.clips()) return add_over_slabs(plan, &CpuTrainStep::find_gradient_and_update);
  add_over_slabs(plan, &CpuTrainStep::find_gradient);
  plan.phases.emplace_back(1, [this, &plan](std::size_t, std::size_t) { weights_.set_clip_factor(plan.sums); });
  add_over_slabs(plan, &CpuTrainStep::update);
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
  const bool all = weights_.clips() || max_threads() * largest > weights_.size();
  return gradient_ + (all ? static_cast<std::size_t>(offset_of(model(), plan.slabs[i])) : thread * largest);
}

void CpuTrainStep::sum_up() {
  sums_ = forward_.sums();
  require_finite(sums_.loss, weights_.steps());
  weights_.begin_step();
}

void CpuTrainStep::find_gradient(StepPlan& plan, std::size_t i, float* gradient) {
  cpu::find_gradient(model(), plan.slabs[i], {0, forward_.rows()}, forward_, backward_, gradient);
  plan.sums[i] = weights_.regularise(plan.slabs[i], gradient);
}

void CpuTrainStep::find_gradient_and_update(StepPlan& plan, std::size_t i, float* gradient) {
  if (leaves_rows_out(plan.slabs[i])) {
    find_gradient_of_live(plan.slabs[i], gradient);
    return update_live(plan.slabs[i], gradient);
  }
  find_gradient(plan, i, gradient);
  update(plan, i, gradient);
}

/// A penalty gives also those rows a gradient whose inputs are 0.
bool CpuTrainStep::leaves_rows_out(const Slab& slab) const {
  return live_ && live_->pays() && slab.layer == 0 && !slab.is_bias && model().layers[0].l2 == 0;
}

/// The gradient of the slab's rows whose inputs are live, one after the other.
void CpuTrainStep::find_gradient_of_live(const Slab& slab, float* gradient) const {
  const Range live = live_->within(slab.range);
  if (live.count == 0) return;
  const std::int64_t outputs = model().layers[0].outputs;
  const Matrix inputs = live_->inputs_from(0);
  multiply_transposed_left(live.count, outputs, forward_.rows(), {inputs.data + live.first, inputs.stride},
                           {backward_.delta_of(0), outputs}, {gradient, outputs});
}

/// Every row takes part in the update, for an optimizer's memory fades also where the gradient is 0.
void CpuTrainStep::update_live(const Slab& slab, float* gradient) {
  const std::int64_t outputs = model().layers[0].outputs, end = slab.range.first + slab.range.count;
  const Range live = live_->within(slab.range);
  const std::int32_t* next = live_->columns() + live.first;
  const std::int32_t* const behind = next + live.count;
  for (std::int64_t row = slab.range.first; row < end; ++row) {
    const bool is_live = next != behind && *next == row;
    weights_.update({0, false, {row, 1}}, is_live ? gradient : no_gradient_);
    if (!is_live) continue;
    gradient += outputs;
    ++next;
  }
}

}  // namespace

std::unique_ptr<TrainStep> make_cpu_train_step(Device& device, const TrainSpec& spec) {
  if (is_ranked(spec)) return make_ranked_train_step(device, spec);
  return std::make_unique<CpuTrainStep>(device, spec);
}

std::size_t cpu_train_step_bytes(const TrainSpec& spec) {
  return is_ranked(spec) ? ranked_train_step_bytes(spec) : TrainLayout(spec).scratch.bytes();
}

}  // namespace millrace::cpu
