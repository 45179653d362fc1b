// The training step on the CPU: phases. Forward and backward over the batch (gradient_pass.hpp), the gradients of slabs of weights
// over the whole batch, and the update. A process that is alone updates each slab while its gradient is in the cache; ranks sum
// the gradients in between (gradient_reduction.hpp), and each updates its own copy of the weights, to the same bits.
#include "train_step.hpp"

#include "nn/cpu/kernels/kernels.hpp"
#include "nn/cpu/pass/gradient_tree.hpp"
#include "train_layout.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millrace::cpu {
namespace {

/// The work of a step over batches of the same number of rows.
struct StepPlan {
  std::vector<Range> parts;  ///< the parts of this rank's rows
  std::vector<Slab> slabs;
  std::vector<SlabSums> sums;          ///< one for each slab
  std::vector<Phase> phases;           ///< up to the update; over several ranks up to the gradient
  std::vector<Phase> after_reduction;  ///< over several ranks: the update
};

class CpuTrainStep final : public TrainStep {
 public:
  CpuTrainStep(Device& device, const TrainSpec& spec);

  BatchSums train(const TrainBatch& batch) override;
  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override { return weights_.snapshot(epoch); }
  void save(StageState& state) const override { weights_.save(state); }
  void load(const StageState& state) override {
    weights_.load(state);
    plans_.clear();  // they know the penalty of frozen weights
  }
  void scale_learning_rate(double factor) override { weights_.scale_learning_rate(factor); }
  std::optional<double> reduction_deviation() const override { return deviation_; }
  std::size_t memory_bytes() const override { return scratch_.bytes(); }

 private:
  const ModelSpec& model() const { return *spec_.model; }
  StepPlan& plan_for(std::int64_t own_rows, std::int64_t rows);
  std::vector<Range> parts_of(std::int64_t own_rows, std::int64_t rows) const;
  void add_update_alone(StepPlan& plan);
  void add_reduction(StepPlan& plan);
  using SlabTask = void (CpuTrainStep::*)(StepPlan& plan, std::size_t i, float* gradient);
  void add_over_slabs(std::vector<Phase>& phases, StepPlan& plan, SlabTask task, std::size_t first_layer = 0,
                      std::size_t end_layer = SIZE_MAX);
  void add_clip_factor(std::vector<Phase>& phases, StepPlan& plan);
  float* gradient_of(const StepPlan& plan, std::size_t i, std::size_t thread) const;
  void reduce(const TrainBatch& batch, std::int64_t rows);

  bool is_frozen(const Slab& slab) const { return model().layers[slab.layer].is_frozen; }
  void sum_up(const StepPlan& plan);
  void compute(StepPlan& plan, std::size_t i, float* gradient) { pass_.compute(plan.slabs[i], plan.parts, gradient); }
  void add_l2_gradient(StepPlan& plan, std::size_t i, float* gradient) {
    plan.sums[i] = weights_.add_l2_gradient(plan.slabs[i], gradient);
  }
  void update(StepPlan& plan, std::size_t i, float* gradient) { weights_.apply_update(plan.slabs[i], gradient); }
  void compute_and_add_l2(StepPlan& plan, std::size_t i, float* gradient);
  void add_l2_and_update(StepPlan& plan, std::size_t i, float* gradient);
  void compute_and_update(StepPlan& plan, std::size_t i, float* gradient);
  bool leaves_rows_out(const StepPlan& plan, const Slab& slab) const;
  void update_nonzero(const Slab& slab, float* gradient);

  TrainSpec spec_;
  TrainLayout layout_;
  Scratch scratch_;
  TrainedWeights weights_;
  Forward forward_;
  Backward backward_;
  GradientPass pass_;
  std::span<float> gradient_;                     ///< with the flags of ranks
  std::unique_ptr<GradientReduction> reduction_;  ///< null: nothing comes between gradient and update
  std::optional<ReductionDeviation> deviation_meter_;
  float* no_gradient_;  ///< zeros
  /// By rows of this rank and over all ranks; two entries: full batches and the last one.
  std::map<std::pair<std::int64_t, std::int64_t>, StepPlan> plans_;
  std::vector<BatchSums> sums_;  ///< sums of the current batch, one for each part
  std::optional<double> deviation_;
};

std::span<float> flat_gradient(const TrainSpec& spec, const TrainLayout& layout, const Scratch& scratch) {
  const std::size_t flags = ranks_of(spec) > 1 ? nn::kFlags : 0;
  return {scratch.at<float>(layout.gradient), static_cast<std::size_t>(spec.model->parameters()) + flags};
}

CpuTrainStep::CpuTrainStep(Device& device, const TrainSpec& spec)
    : spec_(spec),
      layout_(spec),
      scratch_(device.memory(), layout_.scratch.bytes()),
      weights_(spec_, layout_.weights, scratch_),
      forward_(make_forward(spec_, layout_.pass, scratch_)),
      backward_(make_backward(spec_, layout_.pass, scratch_, forward_, weights_.data())),
      pass_(model(), forward_, backward_, weights_.data(), layout_.gradient_pass, scratch_),
      gradient_(flat_gradient(spec_, layout_, scratch_)),
      reduction_(make_gradient_reduction(spec_, gradient_, layout_.reduction, scratch_)),
      no_gradient_(scratch_.at<float>(layout_.no_gradient)) {
  compile_products(model(), spec_.max_batch_rows, true);
  if (model().trainable_parameters() < model().parameters()) std::fill(gradient_.begin(), gradient_.end(), 0.0F);
  if (has_nonzero_columns(model())) std::fill_n(no_gradient_, model().layers[0].outputs, 0.0F);
  if (layout_.deviation)
    deviation_meter_.emplace(spec_, forward_, backward_, weights_.data(), *layout_.deviation, scratch_);
}

BatchSums CpuTrainStep::train(const TrainBatch& batch) {
  const std::int64_t own_rows = batch.inputs->rows();
  const std::int64_t rows = batch.rows_over_ranks > 0 ? batch.rows_over_ranks : own_rows;
  if (rows == 0) return {};  // on every rank
  if (own_rows > 0) forward_.begin(batch, weights_.data());
  StepPlan& plan = plan_for(own_rows, rows);
  run_phases(plan.phases);
  if (reduction_) {
    reduce(batch, rows);
    run_phases(plan.after_reduction);
  }
  for (BatchSums& part : sums_)
    for (const SlabSums& slab : plan.sums) part.penalty += slab.penalty * part.samples;
  return sum_in_pairs(sums_);
}

// A stop cancels what the ranks say to each other, also at the end of the epoch. After an epoch's last batch it waits for
// that: the trainer agrees on it once the epoch is told.
void CpuTrainStep::reduce(const TrainBatch& batch, std::int64_t rows) {
  reduction_->finish();
  const float* flags = gradient_.data() + weights_.size();
  if (some_diverged(flags)) require_finite(std::numeric_limits<double>::quiet_NaN(), weights_.steps());
  if (!batch.last_in_epoch) return agree_on_stop(*spec_.communicator, flags);
  if (deviation_meter_) deviation_ = deviation_meter_->measure(gradient_.first(weights_.size()), rows);
}

StepPlan& CpuTrainStep::plan_for(std::int64_t own_rows, std::int64_t rows) {
  const auto [found, is_new] = plans_.try_emplace({own_rows, rows});
  StepPlan& plan = found->second;
  if (!is_new) return plan;
  plan.parts = parts_of(own_rows, rows);
  plan.slabs = weight_slabs(model(), rows);
  plan.sums.resize(plan.slabs.size());
  for (std::size_t i = 0; i < plan.slabs.size(); ++i)
    if (is_frozen(plan.slabs[i])) plan.sums[i].penalty = weights_.penalty_of(plan.slabs[i]);
  pass_.add_phases(plan.phases, plan.parts, rows);
  plan.phases.emplace_back(1, [this, &plan](std::size_t, std::size_t) { sum_up(plan); });
  reduction_ ? add_reduction(plan) : add_update_alone(plan);
  return plan;
}

std::vector<Range> CpuTrainStep::parts_of(std::int64_t own_rows, std::int64_t rows) const {
  if (spec_.reduction == Reduction::fast) return {{0, own_rows}};
  return parts_of_rank(rows, rank_of(spec_), ranks_of(spec_));
}

/// A gradient that is clipped or looked at needs its norm before any weight may change, hence two phases more.
void CpuTrainStep::add_update_alone(StepPlan& plan) {
  if (!weights_.needs_whole_gradient()) return add_over_slabs(plan.phases, plan, &CpuTrainStep::compute_and_update);
  add_over_slabs(plan.phases, plan, &CpuTrainStep::compute_and_add_l2);
  add_clip_factor(plan.phases, plan);
  add_over_slabs(plan.phases, plan, &CpuTrainStep::update);
}

/// The gradients of a bucket leave while those of the next are computed; the last is begun with them, and all are waited for outside of
/// the phases, whose threads would wait without sleeping.
void CpuTrainStep::add_reduction(StepPlan& plan) {
  for (const nn::GradientBucket& bucket : reduction_->buckets()) {
    add_over_slabs(plan.phases, plan, &CpuTrainStep::compute, bucket.first_layer, bucket.end_layer);
    plan.phases.emplace_back(1, [this, &bucket](std::size_t, std::size_t) { reduction_->begin(bucket); });
  }
  plan.after_reduction.emplace_back(1, [this](std::size_t, std::size_t) { weights_.begin_step(); });
  if (!weights_.needs_whole_gradient())
    return add_over_slabs(plan.after_reduction, plan, &CpuTrainStep::add_l2_and_update);
  add_over_slabs(plan.after_reduction, plan, &CpuTrainStep::add_l2_gradient);
  add_clip_factor(plan.after_reduction, plan);
  add_over_slabs(plan.after_reduction, plan, &CpuTrainStep::update);
}

void CpuTrainStep::add_clip_factor(std::vector<Phase>& phases, StepPlan& plan) {
  phases.emplace_back(1, [this, &plan](std::size_t, std::size_t) { weights_.set_clip_factor(plan.sums); });
}

void CpuTrainStep::add_over_slabs(std::vector<Phase>& phases, StepPlan& plan, SlabTask task, std::size_t first_layer,
                                  std::size_t end_layer) {
  std::vector<std::size_t> wanted;
  std::vector<double> affinities;
  for (std::size_t i = 0; i < plan.slabs.size(); ++i) {
    const bool is_wanted = plan.slabs[i].layer >= first_layer && plan.slabs[i].layer < end_layer;
    if (!is_wanted || is_frozen(plan.slabs[i])) continue;
    wanted.push_back(i);
    affinities.push_back(affinity_of(model(), plan.slabs[i]));
  }
  if (wanted.empty()) return;
  phases.emplace_back(affinities, [this, &plan, task, wanted](std::size_t task_index, std::size_t thread) {
    const std::size_t i = wanted[task_index];
    (this->*task)(plan, i, gradient_of(plan, i, thread));
  });
}

/// A thread has one place for the gradients of all its slabs, one after the other, which so never leave its cache. Ranks and
/// who looks at all of it need all of them at once; and for very many threads there are not so many places.
float* CpuTrainStep::gradient_of(const StepPlan& plan, std::size_t i, std::size_t thread) const {
  const auto largest = static_cast<std::size_t>(weights_of(model(), plan.slabs.front()));
  const bool all = reduction_ || weights_.needs_whole_gradient() || max_threads() * largest > weights_.size();
  return gradient_.data() + (all ? static_cast<std::size_t>(offset_of(model(), plan.slabs[i])) : thread * largest);
}

/// A process that is alone stops here where the loss is not finite; ranks tell each other behind the gradient.
void CpuTrainStep::sum_up(const StepPlan& plan) {
  sums_.clear();
  for (const Range& part : plan.parts) sums_.push_back(forward_.sums(part));
  const double loss = sum_in_pairs(sums_).loss;
  if (reduction_) return write_flags(*spec_.communicator, std::isfinite(loss), gradient_.data() + weights_.size());
  require_finite(loss, weights_.steps());
  weights_.begin_step();
}

void CpuTrainStep::compute_and_add_l2(StepPlan& plan, std::size_t i, float* gradient) {
  compute(plan, i, gradient);
  add_l2_gradient(plan, i, gradient);
}

void CpuTrainStep::add_l2_and_update(StepPlan& plan, std::size_t i, float* gradient) {
  add_l2_gradient(plan, i, gradient);
  update(plan, i, gradient);
}

void CpuTrainStep::compute_and_update(StepPlan& plan, std::size_t i, float* gradient) {
  const Slab& slab = plan.slabs[i];
  if (!leaves_rows_out(plan, slab)) {
    compute(plan, i, gradient);
    return add_l2_and_update(plan, i, gradient);
  }
  pass_.compute_nonzero(slab, plan.parts.front(), gradient);
  update_nonzero(slab, gradient);
}

/// A penalty gives also those rows a gradient whose inputs are 0, and so may another part.
bool CpuTrainStep::leaves_rows_out(const StepPlan& plan, const Slab& slab) const {
  return plan.parts.size() == 1 && model().layers[slab.layer].l2 == 0 && pass_.leaves_rows_out(slab);
}

/// Every row takes part in the update, for an optimizer's memory fades also where the gradient is 0.
void CpuTrainStep::update_nonzero(const Slab& slab, float* gradient) {
  const std::int64_t outputs = model().layers[0].outputs, end = slab.range.first + slab.range.count;
  const Range nonzero = pass_.columns().within(slab.range);
  const std::int32_t* next = pass_.columns().columns() + nonzero.first;
  const std::int32_t* const behind = next + nonzero.count;
  for (std::int64_t row = slab.range.first; row < end; ++row) {
    const bool is_nonzero = next != behind && *next == row;
    weights_.apply_update({0, false, {row, 1}}, is_nonzero ? gradient : no_gradient_);
    if (!is_nonzero) continue;
    gradient += outputs;
    ++next;
  }
}

}  // namespace

std::unique_ptr<TrainStep> make_cpu_train_step(Device& device, const TrainSpec& spec) {
  return std::make_unique<CpuTrainStep>(device, spec);
}

std::size_t cpu_train_step_bytes(const TrainSpec& spec) { return TrainLayout(spec).scratch.bytes(); }

}  // namespace millrace::cpu
