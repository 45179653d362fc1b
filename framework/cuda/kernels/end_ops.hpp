// The work at the end of a step: sums over rows and weights, what ranks tell each other, the look at what is not finite, and the
// update. One struct a kernel, as in forward_ops.hpp.
#pragma once

#include "cuda/kernels/access.hpp"
#include "cuda/kernels/matrix.hpp"
#include "cuda/kernels/step_state.hpp"
#include "nn/metrics.hpp"
#include "nn/optimizers.hpp"
#include "nn/rank_flags.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace millrace::cuda {

/// Loss, correct and absolute error of a batch: the sums over its rows, and how many these are.
struct SumRows {
  const nn::RowResult* results = nullptr;
  std::int64_t rows = 0;  ///< that `results` has room for
  BatchSums* out = nullptr;
  const StepState* state = nullptr;

  void accesses(AccessCollector& to) const {
    to.read(results, rows);
    to.read(&state->input, 1);
    to.write(out, 1);
  }
};

/// What this rank tells the others behind its gradient: requested stops, and whether its loss is finite.
struct WriteFlags {
  const nn::RowResult* results = nullptr;
  std::int64_t rows = 0;  ///< that `results` has room for
  float* flags = nullptr;
  const StepState* state = nullptr;

  void accesses(AccessCollector& to) const {
    to.read(results, rows);
    to.read(state, 1);
    to.write(flags, static_cast<std::int64_t>(nn::kFlags));
  }
  /// x - x is 0 for finite x only.
  MILLRACE_HOST_DEVICE bool is_finite(std::int64_t row) const { return results[row].loss - results[row].loss == 0; }
  /// Everything after the look at the rows; one thread.
  MILLRACE_HOST_DEVICE void set(bool all_finite) const {
    nn::set_rank_flags(state->input.requested_stops, all_finite, flags);
  }
};

/// values = their sums over all ranks.
struct AllReduce {
  float* values = nullptr;
  std::int64_t count = 0;

  void accesses(AccessCollector& to) const { to.change(values, count); }
};

/// Records the GPU's time: when a stream is ready for the sums over ranks, and when they are there. What lies between is waiting.
struct RecordTimestamp {
  enum class Moment : std::uint8_t { chain_is_ready, weights_are_ready, ranks_are_summed };
  Moment moment = Moment::chain_is_ready;
  const float* gradient = nullptr;  ///< with the flags; for ranks_are_summed
  std::int64_t count = 0;
  StepState* state = nullptr;

  void accesses(AccessCollector& to) const {
    if (moment == Moment::chain_is_ready) return to.write(&state->ready.chain, 1);
    if (moment == Moment::weights_are_ready) return to.write(&state->ready.weights, 1);
    to.read(gradient, count);
    to.change(state, 1);
  }
  MILLRACE_HOST_DEVICE void record(std::uint64_t nanoseconds) const {
    if (moment == Moment::chain_is_ready) state->ready.chain = nanoseconds;
    if (moment == Moment::weights_are_ready) state->ready.weights = nanoseconds;
    if (moment != Moment::ranks_are_summed) return;
    const ReadyTimes& ready = state->ready;
    const std::uint64_t both = ready.chain > ready.weights ? ready.chain : ready.weights;
    if (nanoseconds > both) state->waited += static_cast<double>(nanoseconds - both) / 1e9;
  }
};

/// Adds the gradient of the L2 penalty of one tensor and sums up penalty and squares, kBlocks partial sums.
struct SumWeights {
  static constexpr int kBlocks = 64;
  const float* weights = nullptr;
  float* gradient = nullptr;  ///< null for a layer that is frozen
  std::int64_t elements = 0;
  float l2 = 0;
  WeightSums* partials = nullptr;  ///< [kBlocks]

  void accesses(AccessCollector& to) const {
    to.read(weights, elements);
    if (gradient != nullptr) to.touch(gradient, elements * static_cast<std::int64_t>(sizeof(float)), true, l2 > 0);
    to.write(partials, kBlocks);
  }
  MILLRACE_HOST_DEVICE WeightSums at(std::int64_t i) const {
    const float w = weights[i];
    if (l2 > 0 && gradient != nullptr) gradient[i] += 2.0F * l2 * w;
    const auto wide = static_cast<double>(w), g = gradient != nullptr ? static_cast<double>(gradient[i]) : 0.0;
    return {static_cast<double>(l2) * (wide * wide), g * g};
  }
};

/// Looks whether the gradient and the losses of the rows are finite: what a library's ReLU makes 0 of is not to be seen in the loss.
struct CheckFinite {
  static constexpr int kBlocks = 128;
  const float* gradient = nullptr;
  std::int64_t elements = 0;
  const nn::RowResult* results = nullptr;  ///< null: only the gradient
  std::int64_t rows = 0;                   ///< that `results` has room for
  std::uint32_t* verdicts = nullptr;       ///< [kBlocks], each of a part; 0: finite, and no step before diverged
  const StepState* state = nullptr;

  void accesses(AccessCollector& to) const {
    to.read(gradient, elements);
    to.read(results, rows);
    to.read(state, 1);
    to.write(verdicts, kBlocks);
  }
  /// x - x is 0 for finite x only.
  MILLRACE_HOST_DEVICE static bool is_finite(float x) { return x - x == 0; }
  MILLRACE_HOST_DEVICE bool has_finite_gradient(std::int64_t group) const {
    const Four g = four_of(gradient, group);
    return is_finite(g.at[0]) && is_finite(g.at[1]) && is_finite(g.at[2]) && is_finite(g.at[3]);
  }
  MILLRACE_HOST_DEVICE bool has_finite_loss(std::int64_t row) const { return is_finite(results[row].loss); }
  MILLRACE_HOST_DEVICE std::int64_t results_to_see() const { return results != nullptr ? state->input.rows : 0; }
};

/// Adds the batch to the sums, notes whether loss and gradient are finite, finds the clipping factor, tells the host.
struct FinishStep {
  const BatchSums* batch = nullptr;
  const WeightSums* partials = nullptr;
  std::int64_t partial_count = 0;
  const std::uint32_t* verdicts = nullptr;  ///< what CheckFinite found; may be null
  const float* flags = nullptr;             ///< summed over the ranks; null when there is one
  double clip_norm = 0;                     ///< 0: none
  bool training = false;  ///< a loss or gradient that is not finite stops everything; when evaluating it is a result
  StepState* state = nullptr;
  ProgressPage* progress = nullptr;  ///< mapped host memory; may be null

  void accesses(AccessCollector& to) const {
    to.read(batch, 1);
    to.read(partials, partial_count);
    to.read(verdicts, CheckFinite::kBlocks);
    to.read(flags, static_cast<std::int64_t>(nn::kFlags));
    to.read(&state->input, 1);
    to.touch(&state->sums, sizeof(StepState) - offsetof(StepState, sums), true, true);
    to.change(progress, 1);
  }
  /// Everything after the sums over the weights and the verdicts; one thread.
  MILLRACE_HOST_DEVICE void finish(const WeightSums& sums, bool is_finite) const {
    state->flags = flags != nullptr ? nn::bits_of_flags(flags) : 0U;
    if (state->diverged_step != 0) return;
    const bool loss_is_finite =  // x - x is 0 for finite x only
        flags != nullptr ? flags[nn::kDivergedFlag] == 0 : batch->loss - batch->loss == 0;
    is_finite = is_finite && loss_is_finite && sums.gradient_squares - sums.gradient_squares == 0;
    if (training && !is_finite) {
      state->flags |= 1U << nn::kDivergedBit;  // sums over the ranks are the same on all of them
      state->diverged_step = state->input.step;
      return;
    }
    state->sums.loss += batch->loss;
    state->sums.penalty += sums.penalty * batch->samples;
    state->sums.samples += batch->samples;
    nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
      using Metric = typename decltype(tag)::Type;
      Metric::in(state->sums) += Metric::in(*batch);
    });
    const double norm = std::sqrt(sums.gradient_squares);
    state->gradient_factor = clip_norm > 0 && norm > clip_norm ? static_cast<float>(clip_norm / norm) : 1.0F;
  }
};

/// One optimizer step over the whole flat buffer of weights. Does nothing once a loss or gradient was not finite. One index is
/// four weights.
struct Update {
  nn::UpdateRule rule{};
  std::int64_t elements = 0;
  FloatOut weights;
  const float* gradient = nullptr;
  float* slots[nn::kMostStateSlots] = {};  ///< the optimizer's state; null: what the rule does not keep
  const std::uint32_t* verdicts =
      nullptr;  ///< what CheckFinite found; null: `state` has been told what this step came to
  const StepState* state = nullptr;

  void accesses(AccessCollector& to) const {
    to.change(weights.f32, elements);
    to.write(weights.bf16, elements);
    to.read(gradient, elements);
    for (float* slot : slots) to.change(slot, elements);
    to.read(verdicts, CheckFinite::kBlocks);
    if (verdicts != nullptr)
      to.read(&state->input, 1);  // nothing in a step writes it
    else
      to.read(state, 1);
  }

  struct Values {
    Four w, g, slots[nn::kMostStateSlots];
  };

  std::int64_t count() const { return elements / kFour; }
  /// Part `i` of the answer whether to do anything; all CheckFinite::kBlocks of them must agree.
  MILLRACE_HOST_DEVICE bool allows(std::int64_t i) const {
    return verdicts != nullptr ? verdicts[i] == 0 : state->diverged_step == 0;
  }
  MILLRACE_HOST_DEVICE Values load(std::int64_t group) const {
    Values v{four_of(weights.f32, group), four_of(gradient, group), {}};
    for (std::size_t s = 0; s < nn::kMostStateSlots; ++s)
      if (slots[s]) v.slots[s] = four_of(slots[s], group);
    return v;
  }
  MILLRACE_HOST_DEVICE void store(std::int64_t group, Values v) const {
    const float factor = verdicts != nullptr ? 1.0F : state->gradient_factor;
    for (int k = 0; k < 4; ++k)
      if (factor != 1.0F) v.g.at[k] *= factor;
    nn::visit(rule, [&](auto tag) {
      using Rule = typename decltype(tag)::Type;
      apply(state->input.coefficients.template as<Rule>(), v, std::make_index_sequence<Rule::kState.size()>());
    });
    for (std::size_t s = 0; s < nn::kMostStateSlots; ++s)
      if (slots[s]) reinterpret_cast<Four*>(slots[s])[group] = v.slots[s];
    weights.set_four(group, v.w);
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    for (std::int64_t i = 0; i < CheckFinite::kBlocks; ++i)
      if (!allows(i)) return;
    store(group, load(group));
  }

 private:
  template <class Rule, std::size_t... I>
  MILLRACE_HOST_DEVICE static void apply(const Rule& step, Values& v, std::index_sequence<I...> /*slots*/) {
    for (int k = 0; k < 4; ++k) step.apply(v.w.at[k], v.g.at[k], v.slots[I].at[k]...);
  }
};

/// Weights beside which bf16 copies are kept: makes the copies anew.
struct ToBf16 {
  const float* from = nullptr;
  std::uint16_t* to = nullptr;
  std::int64_t elements = 0;

  std::int64_t count() const { return elements; }
  void accesses(AccessCollector& touched) const {
    touched.read(from, elements);
    touched.write(to, elements);
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const { to[i] = to_bfloat(from[i]); }
};

}  // namespace millrace::cuda
