// The work of a step, one struct a kernel: pointers and sizes, and for elementwise work the function of one index. Host code
// can call the same functions, and the tests do.
//
// Matrices are row-major, one row a sample, and lie `stride` elements apart; strides are multiples of 16, and what lies between
// the width and the stride is 0 and stays 0. All pointers are into the card's memory unless said otherwise.
#pragma once

#include "core/philox.hpp"
#include "cuda/kernels/bfloat.hpp"
#include "cuda/kernels/step_state.hpp"
#include "nn/metrics.hpp"
#include "nn/optimizers.hpp"
#include "nn/rank_lanes.hpp"

#include <millrace/random.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::cuda {

/// Row and column of element i of a matrix.
struct Place {
  std::int64_t row, column;
};
MILLRACE_HOST_DEVICE inline Place place_of(std::int64_t i, std::int64_t stride) {
  if (i <= 0xFFFFFFFF && stride <= 0xFFFFFFFF) {  // a 64-bit division costs a card ten times as much
    const auto n = static_cast<std::uint32_t>(i), width = static_cast<std::uint32_t>(stride);
    return {n / width, n % width};
  }
  return {i / stride, i % stride};
}

/// Four neighbours in a row, which a card moves at once. Rows are a multiple of it.
struct alignas(16) Four {
  float at[4];
};
inline constexpr std::int64_t kFour = 4;
MILLRACE_HOST_DEVICE inline Four four_of(const float* values, std::int64_t group) {
  return reinterpret_cast<const Four*>(values)[group];
}

/// float32 values, and beside them the same as bf16 where a matrix product takes them so; either may be null.
struct FloatOut {
  float* wide = nullptr;
  std::uint16_t* narrow = nullptr;
  MILLRACE_HOST_DEVICE void set(std::int64_t i, float value) const {
    if (wide) wide[i] = value;
    if (narrow) narrow[i] = to_bfloat(value);
  }
  MILLRACE_HOST_DEVICE void set_four(std::int64_t group, const Four& values) const {
    struct alignas(8) FourNarrow {
      std::uint16_t at[4];
    };
    if (wide) reinterpret_cast<Four*>(wide)[group] = values;
    if (!narrow) return;
    FourNarrow low;
    for (int k = 0; k < 4; ++k) low.at[k] = to_bfloat(values.at[k]);
    reinterpret_cast<FourNarrow*>(narrow)[group] = low;
  }
};

/// How stored elements become values: dense of a type, bytes through scale and offset, or class ids.
enum class Stored : std::uint8_t { u8, i8, i16, i32, f32, f64, affine_u8, class_u8, class_i32 };

/// Where a part of the batch in hand lies; `own`: in the step's memory.
MILLRACE_HOST_DEVICE inline const std::byte* bytes_of(const StepState& state, BatchPart part, const void* own) {
  const std::byte* elsewhere = state.input.places[static_cast<std::size_t>(part)];
  return elsewhere != nullptr ? elsewhere : static_cast<const std::byte*>(own);
}

/// Stored bytes of a batch become float32; rows beyond the batch become 0. One index is four columns of a row.
struct Decode {
  BatchPart part = BatchPart::inputs;
  const std::byte* stored = nullptr;  ///< where the step does not say otherwise
  Stored form = Stored::f32;
  float scale = 1, offset = 0;                   ///< affine_u8
  std::int64_t rows = 0, width = 0, stride = 0;  ///< of the output; the input lies `width` apart, class ids 1
  FloatOut out;
  const StepState* state = nullptr;

  std::int64_t count() const { return rows * stride / kFour; }

  template <class T>
  MILLRACE_HOST_DEVICE T at(std::int64_t i) const {
    return reinterpret_cast<const T*>(bytes_of(*state, part, stored))[i];
  }
  MILLRACE_HOST_DEVICE float value(const Place& p) const {
    const std::int64_t i = p.row * width + p.column;
    switch (form) {
      case Stored::u8:
        return static_cast<float>(at<std::uint8_t>(i));
      case Stored::i8:
        return static_cast<float>(at<std::int8_t>(i));
      case Stored::i16:
        return static_cast<float>(at<std::int16_t>(i));
      case Stored::i32:
        return static_cast<float>(at<std::int32_t>(i));
      case Stored::f32:
        return at<float>(i);
      case Stored::f64:
        return static_cast<float>(at<double>(i));
      case Stored::affine_u8:
        return affine(at<std::uint8_t>(i));
      case Stored::class_u8:
        return at<std::uint8_t>(p.row) == p.column ? 1.0F : 0.0F;
      case Stored::class_i32:
        return at<std::int32_t>(p.row) == p.column ? 1.0F : 0.0F;
    }
    return 0;
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    const Place first = place_of(group, stride / kFour);
    const Place p{first.row, first.column * kFour};
    Four values{};
    if (p.row < state->input.rows) {
      const std::byte* four = four_bytes(p);
      if (four != nullptr)
        values = affine_four(four);
      else
        for (std::int64_t k = 0; k < kFour && p.column + k < width; ++k) values.at[k] = value({p.row, p.column + k});
    }
    out.set_four(group, values);
  }

 private:
  /// Two roundings, as the host's table: device code is built without contraction.
  MILLRACE_HOST_DEVICE float affine(std::uint8_t byte) const { return static_cast<float>(byte) * scale + offset; }
  /// Where four bytes that are to be scaled can be read at once; null elsewhere.
  MILLRACE_HOST_DEVICE const std::byte* four_bytes(const Place& p) const {
    if (form != Stored::affine_u8 || p.column + kFour > width) return nullptr;
    const std::byte* bytes = bytes_of(*state, part, stored) + p.row * width + p.column;
    return reinterpret_cast<std::uintptr_t>(bytes) % kFour == 0 ? bytes : nullptr;
  }
  MILLRACE_HOST_DEVICE Four affine_four(const std::byte* bytes) const {
    const std::uint32_t word = *reinterpret_cast<const std::uint32_t*>(bytes);
    Four values;
    for (int k = 0; k < 4; ++k) values.at[k] = affine(static_cast<std::uint8_t>(word >> (8 * k)));
    return values;
  }
};

/// Softmax is left to the loss.
template <class A>
MILLRACE_HOST_DEVICE inline void activate_four(Four& values) {
  if constexpr (A::kIsPerValue)
    for (int k = 0; k < 4; ++k) values.at[k] = A::value(values.at[k]);
}

/// values = activation(values + bias), in place. `bias` may be null; softmax is left to the loss. One index is four columns.
struct BiasActivate {
  const float* bias = nullptr;
  Activation activation = Activation::linear;
  std::int64_t rows = 0, width = 0, stride = 0;
  FloatOut values;

  std::int64_t count() const { return rows * stride / kFour; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    const std::int64_t columns = place_of(group, stride / kFour).column;
    const Four biases = bias ? four_of(bias, columns) : Four{};
    Four four = four_of(values.wide, group);
    for (int k = 0; k < 4; ++k)
      if (bias) four.at[k] += biases.at[k];
    nn::visit(activation, [&](auto tag) { activate_four<typename decltype(tag)::Type>(four); });
    for (int k = 0; k < 4; ++k)
      if (columns * kFour + k >= width) four.at[k] = 0;
    values.set_four(group, four);
  }
};

/// Dropout of a layer's values, keyed by sample id, epoch and group of four columns. One index is one group.
struct Dropout {
  const float* in = nullptr;
  const std::uint64_t* ids = nullptr;
  std::uint32_t key0 = 0, key1 = 0;
  float rate = 0;
  std::int64_t rows = 0, width = 0, stride = 0;
  FloatOut out;
  std::uint8_t* mask = nullptr;  ///< 1 where a value is kept
  const StepState* state = nullptr;

  std::int64_t count() const { return rows * (stride / 4); }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    const Place p = place_of(group, stride / 4);
    const bool is_row = p.row < state->input.rows;
    const std::uint64_t id = is_row ? ids[p.row] : 0;
    const detail::PhiloxWords words =
        detail::philox_words({{static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32), state->input.epoch,
                               static_cast<std::uint32_t>(p.column)}},
                             key0, key1);
    const float factor = math::dropout_scale(rate);
    for (int k = 0; k < 4; ++k) {
      const std::int64_t i = group * 4 + k;
      const bool keeps = is_row && p.column * 4 + k < width && math::dropout_keeps(to_unit_float(words.w[k]), rate);
      mask[i] = keeps ? 1 : 0;
      out.set(i, keeps ? in[i] * factor : 0.0F);
    }
  }
};

/// delta = mask ? delta * factor : 0, in place.
struct DropoutBackward {
  const std::uint8_t* mask = nullptr;
  float factor = 1;
  std::int64_t elements = 0;
  float* delta = nullptr;

  std::int64_t count() const { return elements; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const { delta[i] = mask[i] ? delta[i] * factor : 0.0F; }
};

/// delta *= d activation at `output`, in place. One index is four elements.
struct MultiplyBySlope {
  Activation activation = Activation::linear;
  const float* output = nullptr;
  std::int64_t elements = 0;
  FloatOut delta;

  std::int64_t count() const { return elements / kFour; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    Four values = four_of(delta.wide, group);
    const Four outputs = four_of(output, group);
    nn::visit(activation, [&](auto tag) {
      using A = typename decltype(tag)::Type;
      if constexpr (A::kIsPerValue)
        for (int k = 0; k < 4; ++k) values.at[k] *= A::derivative(outputs.at[k]);
    });
    delta.set_four(group, values);
  }
};

/// Outputs, loss, metrics and, when training, the gradient at the sums of the last layer; one index is one row.
struct FinishRow {
  Loss loss = Loss::mse;
  Activation activation = Activation::linear;
  float* outputs = nullptr;  ///< in: sums; out: outputs
  std::int64_t rows = 0, width = 0, stride = 0;
  const float* targets = nullptr;      ///< as `outputs`; or null: then class ids, or neither when only predicting
  const std::byte* classes = nullptr;  ///< this and the next: where the step does not say otherwise
  bool wide_classes = false;           ///< i32 instead of u8
  const float* row_weights = nullptr;  ///< may be null
  nn::RowResult* results = nullptr;
  FloatOut delta;  ///< `wide` is null when evaluating
  const StepState* state = nullptr;

  std::int64_t count() const { return rows; }
  MILLRACE_HOST_DEVICE nn::TargetRow target(std::int64_t row) const {
    if (targets) return {targets + row * stride, -1};
    const std::byte* ids = bytes_of(*state, BatchPart::targets, classes);
    if (wide_classes) return {nullptr, reinterpret_cast<const std::int32_t*>(ids)[row]};
    return {nullptr, reinterpret_cast<const std::uint8_t*>(ids)[row]};
  }
  MILLRACE_HOST_DEVICE float weight(std::int64_t row) const {
    if (!row_weights) return 1.0F;
    return reinterpret_cast<const float*>(bytes_of(*state, BatchPart::weights, row_weights))[row];
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t row) const {
    finish(row, outputs + row * stride, delta.wide ? delta.wide + row * stride : nullptr, width);
  }
  /// The same, worked out in `z` and, when training, `d`, each with room for `n` values, which is the width: as a constant it lets
  /// a compiler keep them in registers.
  MILLRACE_HOST_DEVICE void finish(std::int64_t row, float* z, float* d, std::int64_t n) const {
    if (row >= state->input.rows) return put_delta(row, nullptr, n);
    float* out = outputs + row * stride;
    for (std::int64_t j = 0; j < n; ++j) z[j] = out[j];
    if (targets || classes)
      find_results(row, z, d, n);
    else
      nn::activate_outputs(activation, z, n);
    for (std::int64_t j = 0; j < n; ++j) out[j] = z[j];
  }

 private:
  MILLRACE_HOST_DEVICE void find_results(std::int64_t row, float* z, float* d, std::int64_t n) const {
    const nn::TargetRow y = target(row);
    const float w = weight(row);
    const float row_loss = nn::finish_outputs(loss, activation, z, n, y) * w;
    results[row] = nn::measure_row(row_loss, z, n, y);
    if (!delta.wide) return;
    const std::int64_t mean_rows = state->input.mean_rows > 0 ? state->input.mean_rows : state->input.rows;
    nn::loss_gradient(loss, activation, z, n, y, w * (1.0F / static_cast<float>(mean_rows)), d);
    put_delta(row, d, n);
  }
  /// Null stands for zeros.
  MILLRACE_HOST_DEVICE void put_delta(std::int64_t row, const float* d, std::int64_t n) const {
    if (!delta.wide) return;
    for (std::int64_t j = 0; j < n; ++j) delta.set(row * stride + j, d != nullptr ? d[j] : 0.0F);
    for (std::int64_t j = n; j < stride; ++j) delta.set(row * stride + j, 0.0F);
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

  /// x - x is 0 for finite x only.
  MILLRACE_HOST_DEVICE static bool is_finite(float x) { return x - x == 0; }
  MILLRACE_HOST_DEVICE bool has_finite_gradient(std::int64_t group) const {
    const Four g = four_of(gradient, group);
    return is_finite(g.at[0]) && is_finite(g.at[1]) && is_finite(g.at[2]) && is_finite(g.at[3]);
  }
  MILLRACE_HOST_DEVICE bool has_finite_loss(std::int64_t row) const { return is_finite(results[row].loss); }
  MILLRACE_HOST_DEVICE std::int64_t results_to_see() const { return results != nullptr ? state->input.rows : 0; }
};

/// One optimizer step over the whole flat buffer of weights. Does nothing once a loss or gradient was not finite. One index is
/// four weights.
struct Update {
  nn::UpdateRule rule{};
  std::int64_t elements = 0;
  FloatOut weights;
  const float* gradient = nullptr;
  float* slots[nn::kMostStateSlots] = {};   ///< the optimizer's state; null: what the rule does not keep
  const std::uint32_t* verdicts = nullptr;  ///< of CheckFinite; null: `state` has been told what this step came to
  const StepState* state = nullptr;

  struct Values {
    Four w, g, slots[nn::kMostStateSlots];
  };

  std::int64_t count() const { return elements / kFour; }
  /// Part `i` of the answer whether to do anything; all CheckFinite::kBlocks of them must agree.
  MILLRACE_HOST_DEVICE bool allows(std::int64_t i) const {
    return verdicts != nullptr ? verdicts[i] == 0 : state->diverged_step == 0;
  }
  MILLRACE_HOST_DEVICE Values load(std::int64_t group) const {
    Values v{four_of(weights.wide, group), four_of(gradient, group), {}};
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
struct Narrow {
  const float* from = nullptr;
  std::uint16_t* to = nullptr;
  std::int64_t elements = 0;

  std::int64_t count() const { return elements; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const { to[i] = to_bfloat(from[i]); }
};

/// out[c, j] = sum of values[., j] over the rows of chunk c. Many rows are summed up in two steps, the second over the chunks.
struct ColumnSums {
  static constexpr std::int64_t kChunkRows = 128;
  const float* values = nullptr;
  std::int64_t rows = 0, width = 0, stride = 0;  ///< `out` has this stride too
  std::int64_t chunk_rows = 0;                   ///< all chunks but the last one; `rows` where there is one
  float* out = nullptr;

  std::int64_t chunks() const { return (rows + chunk_rows - 1) / chunk_rows; }
};

/// Loss, correct and absolute error of a batch: the sums over its rows, and how many these are.
struct SumRows {
  const nn::RowResult* results = nullptr;
  std::int64_t rows = 0;  ///< that `results` has room for
  BatchSums* out = nullptr;
  const StepState* state = nullptr;
};

/// Adds the gradient of the L2 penalty of one tensor and sums up penalty and squares, kBlocks partial sums.
struct SumWeights {
  static constexpr int kBlocks = 64;
  const float* weights = nullptr;
  float* gradient = nullptr;
  std::int64_t elements = 0;
  float l2 = 0;
  WeightSums* partials = nullptr;  ///< [kBlocks]

  MILLRACE_HOST_DEVICE WeightSums at(std::int64_t i) const {
    const float w = weights[i];
    if (l2 > 0) gradient[i] += 2.0F * l2 * w;
    const auto wide = static_cast<double>(w), g = static_cast<double>(gradient[i]);
    return {static_cast<double>(l2) * (wide * wide), g * g};
  }
};

/// What this rank tells the others behind its gradient: stop wishes, and whether its loss is finite.
struct SetLanes {
  const nn::RowResult* results = nullptr;
  std::int64_t rows = 0;  ///< that `results` has room for
  float* lanes = nullptr;
  const StepState* state = nullptr;

  /// x - x is 0 for finite x only.
  MILLRACE_HOST_DEVICE bool is_finite(std::int64_t row) const { return results[row].loss - results[row].loss == 0; }
  /// Everything after the look at the rows; one thread.
  MILLRACE_HOST_DEVICE void set(bool all_finite) const {
    for (std::size_t i = 0; i < nn::kDivergedLane; ++i)
      lanes[i] = (state->input.stop_wishes >> i & 1U) != 0 ? 1.0F : 0.0F;
    lanes[nn::kDivergedLane] = all_finite ? 0.0F : 1.0F;
  }
};

/// values = their sums over all ranks.
struct AllReduce {
  float* values = nullptr;
  std::int64_t count = 0;
};

/// Notes the card's time: when a stream is ready for the sums over ranks, and when they are there. What lies between is waiting.
struct NoteTime {
  enum class Moment : std::uint8_t { chain_is_ready, weights_are_ready, ranks_are_summed };
  Moment moment = Moment::chain_is_ready;
  const float* gradient = nullptr;  ///< with the lanes; for ranks_are_summed
  std::int64_t count = 0;
  StepState* state = nullptr;

  MILLRACE_HOST_DEVICE void note(std::uint64_t nanoseconds) const {
    if (moment == Moment::chain_is_ready) state->ready.chain = nanoseconds;
    if (moment == Moment::weights_are_ready) state->ready.weights = nanoseconds;
    if (moment != Moment::ranks_are_summed) return;
    const ReadyTimes& ready = state->ready;
    const std::uint64_t both = ready.chain > ready.weights ? ready.chain : ready.weights;
    if (nanoseconds > both) state->waited += static_cast<double>(nanoseconds - both) / 1e9;
  }
};

/// Adds the batch to the sums, notes whether loss and gradient are finite, finds the clipping factor, tells the host.
struct FinishStep {
  const BatchSums* batch = nullptr;
  const WeightSums* partials = nullptr;
  std::int64_t partial_count = 0;
  const std::uint32_t* verdicts = nullptr;  ///< of CheckFinite; may be null
  const float* lanes = nullptr;             ///< summed over the ranks; null when there is one
  double clip_norm = 0;                     ///< 0: none
  bool training = false;  ///< a loss or gradient that is not finite stops everything; when evaluating it is a result
  StepState* state = nullptr;
  ProgressPage* progress = nullptr;  ///< mapped host memory; may be null

  /// Everything after the sums over the weights and the verdicts; one thread.
  MILLRACE_HOST_DEVICE void finish(const WeightSums& sums, bool is_finite) const {
    state->said = 0;
    for (std::size_t i = 0; lanes != nullptr && i < nn::kLanes; ++i)
      if (!(lanes[i] == 0)) state->said |= 1U << i;
    if (state->diverged_step != 0) return;
    const bool loss_is_finite =  // x - x is 0 for finite x only
        lanes != nullptr ? lanes[nn::kDivergedLane] == 0 : batch->loss - batch->loss == 0;
    is_finite = is_finite && loss_is_finite && sums.gradient_squares - sums.gradient_squares == 0;
    if (training && !is_finite) {
      state->said |= 1U << nn::kDivergedLane;  // sums over the ranks are the same on all of them
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

/// D = op(A) op(B), in the column-major terms of BLAS: a row-major matrix with stride s is a column-major one with ld = s.
struct Matmul {
  enum class Epilogue : std::uint8_t {
    none,
    bias,       ///< D += bias of each row of D
    relu_bias,  ///< the same, then ReLU
  };
  Precision precision = Precision::float32;
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  const void* a = nullptr;  ///< float32, or bf16 with Precision::bf16
  const void* b = nullptr;
  std::int64_t lda = 0, ldb = 0, ldd = 0;
  float* d = nullptr;
  Epilogue epilogue = Epilogue::none;
  const float* bias = nullptr;
};

using Op = std::variant<Decode, Matmul, BiasActivate, Dropout, DropoutBackward, MultiplyBySlope, FinishRow, ColumnSums,
                        SumRows, SumWeights, SetLanes, AllReduce, NoteTime, CheckFinite, Update, FinishStep, Narrow>;
using Ops = std::vector<Op>;

}  // namespace millrace::cuda
