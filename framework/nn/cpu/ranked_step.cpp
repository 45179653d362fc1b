// The training step when gradients are summed over ranks, or as if they were (`reduction: ordered`). Three parts a batch:
// forward and backward over this rank's rows, the gradients over slabs of weights, their sum over the ranks, which for
// `fast` begins with the last layers while those of the first are still being found; then the update, which every rank
// does for itself and to the same bits.
//
// The step of a process that is alone (train_step.cpp) updates each slab while its gradient is in the cache; here the sum
// lies in between.
#include "../optimizer.hpp"
#include "../rank_lanes.hpp"
#include "../step_factories.hpp"
#include "backward.hpp"
#include "elementwise.hpp"
#include "forward.hpp"
#include "gemm.hpp"
#include "gradient_tree.hpp"
#include "parallel.hpp"
#include "steps.hpp"
#include "training_state.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>

namespace millrace::cpu {
namespace {

int ranks_of(const TrainSpec& spec) { return spec.communicator ? spec.communicator->size() : 1; }
int rank_of(const TrainSpec& spec) { return spec.communicator ? spec.communicator->rank() : 0; }

/// The buckets of the flat buffer, in which the layers follow each other without gaps.
std::vector<nn::GradientBucket> buckets_of(const ModelSpec& model) {
  std::vector<std::int64_t> starts;
  std::int64_t at = 0;
  for (const LayerSpec& layer : model.layers) {
    starts.push_back(at);
    at += layer.parameters();
  }
  return nn::gradient_buckets(starts, at);
}

/// Whether the difference between `fast` and `ordered` can be told.
bool measures_deviation(const TrainSpec& spec) {
  return spec.reduction == Reduction::fast && (ranks_of(spec) == 2 || ranks_of(spec) == 4);
}

ForwardNeeds needs_of(const TrainSpec& spec) {
  return {spec.max_batch_rows, true, !is_dense_f32(spec.inputs), needs_decoding_as_target(spec.targets)};
}

struct RankedLayout {
  explicit RankedLayout(const TrainSpec& spec) : forward(*spec.model, needs_of(spec), scratch) {
    const std::int64_t parameters = spec.model->parameters(), lanes = static_cast<std::int64_t>(nn::kLanes);
    weights = scratch.floats(parameters);
    gradient = scratch.floats(parameters + lanes);
    for (int i = 0; i < nn::Optimizer(spec.optimizer).state_slots(); ++i) state.push_back(scratch.floats(parameters));
    for (const LayerSpec& layer : spec.model->layers)
      deltas.push_back(layer.kind == LayerKind::dense ? scratch.floats(spec.max_batch_rows * layer.outputs) : 0);
    if (spec.reduction == Reduction::fast && !measures_deviation(spec)) return;
    for (std::size_t& place : spare) place = scratch.floats(parameters);
    if (ranks_of(spec) > 1) theirs = scratch.floats(parameters + lanes);
    if (measures_deviation(spec)) ordered = scratch.floats(parameters);
  }
  ScratchLayout scratch;  // before `forward`, which takes from it
  ForwardLayout forward;
  std::size_t weights = 0, gradient = 0, theirs = 0, ordered = 0;
  std::array<std::size_t, 2> spare{};  ///< a place for each halving of kParts
  std::vector<std::size_t> state, deltas;
};

struct SlabSums {
  double penalty = 0, gradient_squares = 0;
};

class RankedTrainStep final : public TrainStep {
 public:
  RankedTrainStep(Device& device, const TrainSpec& spec);

  BatchSums train(const TrainBatch& batch) override;
  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override {
    return std::make_shared<const ModelSnapshot>(spec_.model, spec_.loss, epoch,
                                                 std::vector<float>(weights_, weights_ + parameters()));
  }
  void save(StageState& state) const override;
  void load(const StageState& state) override;
  std::optional<double> reduction_deviation() const override { return deviation_; }
  std::size_t memory_bytes() const override { return scratch_.bytes(); }

 private:
  const ModelSpec& model() const { return *spec_.model; }
  std::size_t parameters() const { return static_cast<std::size_t>(model().parameters()); }
  bool is_ordered() const { return spec_.reduction == Reduction::ordered; }
  std::vector<Range> own_parts() const { return parts_of_rank(rows_, rank_of(spec_), ranks_of(spec_)); }
  void run_rows(const TrainBatch& batch, const std::vector<Range>& parts);
  void find_gradient(const Slab& slab, Range rows, float* gradient) const;
  void find_gradients(const std::vector<Range>& parts, float* gradient, std::size_t first_layer = 0,
                      std::size_t end_layer = SIZE_MAX);
  void set_lanes(const BatchSums& sums);
  void reduce_in_order(const std::vector<Range>& parts);
  void reduce_fast(const std::vector<Range>& parts);
  void heed_lanes();
  void measure_deviation(const TrainBatch& batch);
  void learn(BatchSums& sums);
  void regularise(const Slab& slab, SlabSums& sums);
  void update_slab(const Slab& slab, const math::UpdateConstants& constants, float factor);
  const std::vector<Slab>& slabs();

  TrainSpec spec_;
  nn::Optimizer optimizer_;
  RankedLayout layout_;
  Scratch scratch_;
  Forward forward_;
  float *weights_, *gradient_;
  std::vector<float*> state_;
  std::unique_ptr<Backward> backward_;
  std::map<std::int64_t, std::vector<Slab>> slabs_;  ///< by rows over all ranks
  std::vector<nn::GradientBucket> buckets_ = buckets_of(*spec_.model);
  std::vector<SlabSums> slab_sums_;
  std::optional<double> deviation_;
  std::int64_t rows_ = 0;  ///< of the batch in hand, over all ranks
  std::uint64_t steps_ = 0;
};

RankedTrainStep::RankedTrainStep(Device& device, const TrainSpec& spec)
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

BatchSums RankedTrainStep::train(const TrainBatch& batch) {
  const std::int64_t own = batch.inputs->rows();
  rows_ = batch.rows_over_ranks > 0 ? batch.rows_over_ranks : own;
  const std::vector<Range> parts = is_ordered() ? own_parts() : std::vector<Range>{{0, own}};
  run_rows(batch, parts);
  BatchSums sums = own > 0 ? forward_.sums() : BatchSums{};
  set_lanes(sums);
  if (is_ordered() || ranks_of(spec_) == 1)
    reduce_in_order(parts);
  else
    reduce_fast(parts);
  heed_lanes();
  if (batch.last_in_epoch && measures_deviation(spec_)) measure_deviation(batch);
  learn(sums);
  return sums;
}

// Shards are cut within a part, because a product's last bits depend on the rows in the call.
void RankedTrainStep::run_rows(const TrainBatch& batch, const std::vector<Range>& parts) {
  if (batch.inputs->rows() == 0) return;
  forward_.begin(batch, weights_);
  std::vector<Range> shards;
  for (const Range& part : parts) {
    if (part.count == 0) continue;
    for (const Range& shard : row_shards(part.count)) shards.push_back({part.first + shard.first, shard.count});
  }
  const float share = 1.0F / static_cast<float>(rows_);
  run_tasks(shards.size(), [&](std::size_t i) {
    forward_.run(shards[i]);
    backward_->run(shards[i], share);
  });
}

const std::vector<Slab>& RankedTrainStep::slabs() {
  auto found = slabs_.find(rows_);
  if (found == slabs_.end()) found = slabs_.emplace(rows_, weight_slabs(model(), rows_)).first;
  return found->second;
}

/// Of one slab over some rows, to `gradient`.
void RankedTrainStep::find_gradient(const Slab& slab, Range rows, float* gradient) const {
  if (rows.count == 0) {
    std::fill_n(gradient, weights_of(model(), slab), 0.0F);
    return;
  }
  const LayerSpec& layer = model().layers[slab.layer];
  const float* delta = backward_->delta_of(slab.layer) + rows.first * layer.outputs;
  if (slab.is_bias)
    sum_columns(delta + slab.range.first, rows.count, layer.outputs, slab.range.count, gradient);
  else
    multiply_transposed_left(
        slab.range.count, layer.outputs, rows.count,
        {forward_.input_of(slab.layer) + rows.first * layer.inputs + slab.range.first, layer.inputs},
        {delta, layer.outputs}, {gradient, layer.outputs});
}

void RankedTrainStep::find_gradients(const std::vector<Range>& parts, float* gradient, std::size_t first_layer,
                                     std::size_t end_layer) {
  std::vector<const Slab*> wanted;
  for (const Slab& slab : slabs())
    if (slab.layer >= first_layer && slab.layer < end_layer) wanted.push_back(&slab);
  run_tasks(wanted.size(), [&](std::size_t i) {
    const Slab& slab = *wanted[i];
    const std::int64_t offset = offset_of(model(), slab);
    std::array<float*, 2> spare{};
    for (std::size_t level = 0; level < spare.size(); ++level)
      spare[level] = scratch_.at<float>(layout_.spare[level]) + offset;
    sum_parts(0, parts.size(), weights_of(model(), slab), gradient + offset, spare,
              [&](std::size_t part, float* place) { find_gradient(slab, parts[part], place); });
  });
}

void RankedTrainStep::set_lanes(const BatchSums& sums) {
  float* lanes = gradient_ + parameters();
  std::fill_n(lanes, nn::kLanes, 0.0F);
  lanes[nn::kDivergedLane] = std::isfinite(sums.loss) ? 0.0F : 1.0F;
  if (ranks_of(spec_) == 1) return;
  for (std::size_t i = 0; i < nn::kStopSignals.size(); ++i)
    if (spec_.communicator->stop_wish() == nn::kStopSignals[i]) lanes[i] = 1.0F;
}

void RankedTrainStep::reduce_in_order(const std::vector<Range>& parts) {
  find_gradients(parts, gradient_);
  const std::span<float> values(gradient_, parameters() + nn::kLanes);
  if (ranks_of(spec_) > 1)
    sum_over_ranks(*spec_.communicator, values, {scratch_.at<float>(layout_.theirs), values.size()});
}

void RankedTrainStep::reduce_fast(const std::vector<Range>& parts) {
  std::vector<std::unique_ptr<PendingSum>> pending;
  for (const nn::GradientBucket& bucket : buckets_) {
    find_gradients(parts, gradient_, bucket.first_layer, bucket.end_layer);
    pending.push_back(spec_.communicator->begin_all_reduce_sum(
        {gradient_ + bucket.first, static_cast<std::size_t>(bucket.end - bucket.first)}));
  }
  for (const auto& sum : pending) sum->wait();
}

void RankedTrainStep::heed_lanes() {
  const float* lanes = gradient_ + parameters();
  if (lanes[nn::kDivergedLane] != 0)
    throw Error(ErrorKind::diverged, "diverged",
                "the loss of step " + std::to_string(steps_ + 1) + " is not finite; the weights are those before it",
                "lower the learning rate, clip the gradient (clip_norm) or check the range of the inputs");
  for (std::size_t i = 0; i < nn::kStopSignals.size(); ++i)
    if (lanes[i] != 0) return spec_.communicator->stop_agreed(nn::kStopSignals[i]);
}

/// Finds the gradient of the same batch once more as `ordered` would, without using it.
void RankedTrainStep::measure_deviation(const TrainBatch& batch) {
  const std::vector<Range> parts = own_parts();
  const std::span<float> ordered(scratch_.at<float>(layout_.ordered), parameters());
  run_rows(batch, parts);
  find_gradients(parts, ordered.data());
  sum_over_ranks(*spec_.communicator, ordered, {scratch_.at<float>(layout_.theirs), ordered.size()});
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    difference = std::max(difference, std::fabs(static_cast<double>(gradient_[i]) - static_cast<double>(ordered[i])));
    largest = std::max(largest, std::fabs(static_cast<double>(ordered[i])));
  }
  deviation_ = largest > 0 ? difference / largest : 0;
}

void RankedTrainStep::learn(BatchSums& sums) {
  const std::vector<Slab>& all = slabs();
  const math::UpdateConstants constants = optimizer_.constants(++steps_);
  const bool clips = optimizer_.clip_norm() > 0;
  slab_sums_.assign(all.size(), {});
  run_tasks(all.size(), [&](std::size_t i) {
    regularise(all[i], slab_sums_[i]);
    if (!clips) update_slab(all[i], constants, 1.0F);
  });
  double squares = 0;
  for (const SlabSums& slab : slab_sums_) {
    sums.penalty += slab.penalty * sums.samples;
    squares += slab.gradient_squares;
  }
  if (!clips) return;
  const double norm = std::sqrt(squares);
  const float factor = norm > optimizer_.clip_norm() ? static_cast<float>(optimizer_.clip_norm() / norm) : 1.0F;
  run_tasks(all.size(), [&](std::size_t i) { update_slab(all[i], constants, factor); });
}

void RankedTrainStep::regularise(const Slab& slab, SlabSums& sums) {
  const LayerSpec& layer = model().layers[slab.layer];
  const std::int64_t offset = offset_of(model(), slab), count = weights_of(model(), slab);
  if (layer.l2 > 0 && !slab.is_bias) {
    sums.penalty = static_cast<double>(layer.l2) * sum_of_squares(weights_ + offset, count);
    add_penalty_gradient(2.0F * layer.l2, weights_ + offset, count, gradient_ + offset);
  }
  if (optimizer_.clip_norm() > 0) sums.gradient_squares = sum_of_squares(gradient_ + offset, count);
}

void RankedTrainStep::update_slab(const Slab& slab, const math::UpdateConstants& constants, float factor) {
  const std::int64_t offset = offset_of(model(), slab), count = weights_of(model(), slab);
  if (factor != 1.0F) scale(factor, count, gradient_ + offset);
  UpdateArrays arrays{weights_ + offset, gradient_ + offset, {}};
  for (std::size_t i = 0; i < state_.size(); ++i) arrays.state[i] = state_[i] + offset;
  update(optimizer_.rule(), constants, count, arrays);
}

void RankedTrainStep::save(StageState& state) const { save_training(state, {weights_, parameters()}, state_, steps_); }

void RankedTrainStep::load(const StageState& state) { load_training(state, {weights_, parameters()}, state_, steps_); }

}  // namespace

bool is_ranked(const TrainSpec& spec) { return spec.reduction == Reduction::ordered || ranks_of(spec) > 1; }

std::unique_ptr<TrainStep> make_ranked_train_step(Device& device, const TrainSpec& spec) {
  return std::make_unique<RankedTrainStep>(device, spec);
}

std::size_t ranked_train_step_bytes(const TrainSpec& spec) { return RankedLayout(spec).scratch.bytes(); }

}  // namespace millrace::cpu
