// The training step when gradients are summed over ranks, or as if they were (`reduction: ordered`). Three parts a batch:
// forward and backward over this rank's rows, the gradients over slabs of weights, their sum over the ranks, which for
// `fast` begins with the last layers while those of the first are still being found; then the update, which every rank
// does for itself and to the same bits.
//
// The step of a process that is alone (train_step.cpp) updates each slab while its gradient is in the cache; here the sum
// lies in between.
#include "../rank_lanes.hpp"
#include "../step_factories.hpp"
#include "gradient_tree.hpp"
#include "nn/cpu/kernels/kernels.hpp"
#include "nn/cpu/kernels/parallel.hpp"
#include "steps.hpp"
#include "train_pass.hpp"
#include "trained_weights.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
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

struct RankedLayout {
  explicit RankedLayout(const TrainSpec& spec) : pass(spec, scratch), weights(spec, scratch) {
    const std::int64_t parameters = spec.model->parameters(), lanes = static_cast<std::int64_t>(nn::kLanes);
    gradient = scratch.floats(parameters + lanes);
    if (spec.reduction == Reduction::fast && !measures_deviation(spec)) return;
    for (std::size_t& place : spare) place = scratch.floats(parameters);
    if (ranks_of(spec) > 1) theirs = scratch.floats(parameters + lanes);
    if (measures_deviation(spec)) ordered = scratch.floats(parameters);
  }
  ScratchLayout scratch;  // before the others, which take from it
  TrainPassLayout pass;
  TrainedWeightsLayout weights;
  std::size_t gradient = 0, theirs = 0, ordered = 0;
  std::array<std::size_t, 2> spare{};  ///< a place for each halving of kParts
};

class RankedTrainStep final : public TrainStep {
 public:
  RankedTrainStep(Device& device, const TrainSpec& spec);

  BatchSums train(const TrainBatch& batch) override;
  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override { return weights_.snapshot(epoch); }
  void save(StageState& state) const override { weights_.save(state); }
  void load(const StageState& state) override { weights_.load(state); }
  std::optional<double> reduction_deviation() const override { return deviation_; }
  std::size_t memory_bytes() const override { return scratch_.bytes(); }

 private:
  const ModelSpec& model() const { return *spec_.model; }
  std::size_t parameters() const { return weights_.size(); }
  bool is_ordered() const { return spec_.reduction == Reduction::ordered; }
  std::vector<Range> own_parts() const { return parts_of_rank(rows_, rank_of(spec_), ranks_of(spec_)); }
  void run_rows(const TrainBatch& batch, const std::vector<Range>& parts);
  void find_gradients(const std::vector<Range>& parts, float* gradient, std::size_t first_layer = 0,
                      std::size_t end_layer = SIZE_MAX);
  void set_lanes(const BatchSums& sums);
  void reduce_in_order(const std::vector<Range>& parts);
  void reduce_fast(const std::vector<Range>& parts);
  std::vector<BatchSums> sums_of(const std::vector<Range>& parts) const;
  void heed_lanes(bool last_in_epoch);
  void measure_deviation(const TrainBatch& batch);
  void learn(std::vector<BatchSums>& sums);
  float* gradient_of(const Slab& slab) const { return gradient_ + offset_of(model(), slab); }
  const std::vector<Slab>& slabs();

  TrainSpec spec_;
  RankedLayout layout_;
  Scratch scratch_;
  TrainedWeights weights_;
  Forward forward_;
  Backward backward_;
  float* gradient_;
  std::map<std::int64_t, std::vector<Slab>> slabs_;  ///< by rows over all ranks
  std::vector<nn::GradientBucket> buckets_ = buckets_of(*spec_.model);
  std::vector<SlabSums> slab_sums_;
  std::optional<double> deviation_;
  std::int64_t rows_ = 0;  ///< of the batch in hand, over all ranks
};

RankedTrainStep::RankedTrainStep(Device& device, const TrainSpec& spec)
    : spec_(spec),
      layout_(spec),
      scratch_(device.memory(), layout_.scratch.bytes()),
      weights_(spec_, layout_.weights, scratch_),
      forward_(make_forward(spec_, layout_.pass, scratch_)),
      backward_(make_backward(spec_, layout_.pass, scratch_, forward_, weights_.data())),
      gradient_(scratch_.at<float>(layout_.gradient)) {
  compile_products(*spec_.model, spec_.max_batch_rows, true);
}

BatchSums RankedTrainStep::train(const TrainBatch& batch) {
  const std::int64_t own = batch.inputs->rows();
  rows_ = batch.rows_over_ranks > 0 ? batch.rows_over_ranks : own;
  if (rows_ == 0) return {};  // on every rank
  const std::vector<Range> parts = is_ordered() ? own_parts() : std::vector<Range>{{0, own}};
  run_rows(batch, parts);
  std::vector<BatchSums> sums = own > 0 ? sums_of(parts) : std::vector<BatchSums>(parts.size());
  set_lanes(sum_in_pairs(sums));
  if (is_ordered() || ranks_of(spec_) == 1)
    reduce_in_order(parts);
  else
    reduce_fast(parts);
  heed_lanes(batch.last_in_epoch);
  if (batch.last_in_epoch && measures_deviation(spec_)) measure_deviation(batch);
  learn(sums);
  return sum_in_pairs(sums);
}

void RankedTrainStep::run_rows(const TrainBatch& batch, const std::vector<Range>& parts) {
  if (batch.inputs->rows() == 0) return;
  forward_.begin(batch, weights_.data());
  const std::vector<Range> shards = row_shards(parts);
  const float share = 1.0F / static_cast<float>(rows_);
  run_tasks(shards.size(), [&](std::size_t i) {
    forward_.run(shards[i]);
    backward_.run(shards[i], share);
  });
}

std::vector<BatchSums> RankedTrainStep::sums_of(const std::vector<Range>& parts) const {
  std::vector<BatchSums> sums;
  for (const Range& part : parts) sums.push_back(forward_.sums(part));
  return sums;
}

const std::vector<Slab>& RankedTrainStep::slabs() {
  auto found = slabs_.find(rows_);
  if (found == slabs_.end()) found = slabs_.emplace(rows_, weight_slabs(model(), rows_)).first;
  return found->second;
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
    sum_parts(
        0, parts.size(), weights_of(model(), slab), gradient + offset, spare,
        [&](std::size_t part, float* place) { find_gradient(model(), slab, parts[part], forward_, backward_, place); });
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

// A stop cancels what the ranks say to each other, also at the end of the pass. After an epoch's last batch it waits for
// that: the trainer agrees on it once the epoch is told.
void RankedTrainStep::heed_lanes(bool last_in_epoch) {
  const float* lanes = gradient_ + parameters();
  if (lanes[nn::kDivergedLane] != 0) require_finite(std::numeric_limits<double>::quiet_NaN(), weights_.steps());
  if (last_in_epoch) return;
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

void RankedTrainStep::learn(std::vector<BatchSums>& sums) {
  const std::vector<Slab>& all = slabs();
  weights_.begin_step();
  slab_sums_.assign(all.size(), {});
  run_tasks(all.size(), [&](std::size_t i) {
    slab_sums_[i] = weights_.regularise(all[i], gradient_of(all[i]));
    if (!weights_.clips()) weights_.update(all[i], gradient_of(all[i]));
  });
  for (BatchSums& part : sums)
    for (const SlabSums& slab : slab_sums_) part.penalty += slab.penalty * part.samples;
  if (!weights_.clips()) return;
  weights_.set_clip_factor(slab_sums_);
  run_tasks(all.size(), [&](std::size_t i) { weights_.update(all[i], gradient_of(all[i])); });
}

}  // namespace

bool is_ranked(const TrainSpec& spec) { return spec.reduction == Reduction::ordered || ranks_of(spec) > 1; }

std::unique_ptr<TrainStep> make_ranked_train_step(Device& device, const TrainSpec& spec) {
  return std::make_unique<RankedTrainStep>(device, spec);
}

std::size_t ranked_train_step_bytes(const TrainSpec& spec) { return RankedLayout(spec).scratch.bytes(); }

}  // namespace millrace::cpu
