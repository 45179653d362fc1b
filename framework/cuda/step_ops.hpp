// The work of a step, one struct a kernel: pointers and sizes, and for elementwise work the function of one index. Host code
// can call the same functions, and the tests do.
//
// Matrices are row-major, one row a sample, and lie `stride` elements apart; strides are multiples of 16, and what lies between
// the width and the stride is 0 and stays 0. All pointers are into the card's memory unless said otherwise.
#pragma once

#include "core/philox.hpp"
#include "cuda/bfloat.hpp"
#include "cuda/step_state.hpp"
#include "nn/loss.hpp"
#include "nn/rank_lanes.hpp"
#include "nn/update_rule.hpp"

#include <millrace/random.hpp>

#include <cstddef>
#include <cstdint>
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

/// float32 values, and beside them the same as bf16 where a matrix product takes them so; `narrow` may be null.
struct FloatOut {
  float* wide = nullptr;
  std::uint16_t* narrow = nullptr;
  MILLRACE_HOST_DEVICE void set(std::int64_t i, float value) const {
    if (wide) wide[i] = value;
    if (narrow) narrow[i] = to_bfloat(value);
  }
};

/// How stored elements become values: dense of a type, bytes through scale and offset, or class ids.
enum class Stored : std::uint8_t { u8, i8, i16, i32, f32, f64, affine_u8, class_u8, class_i32 };

/// Where a part of the batch in hand lies; `own`: in the step's memory.
MILLRACE_HOST_DEVICE inline const std::byte* bytes_of(const StepState& state, BatchPart part, const void* own) {
  const std::byte* elsewhere = state.input.places[static_cast<std::size_t>(part)];
  return elsewhere != nullptr ? elsewhere : static_cast<const std::byte*>(own);
}

/// Stored bytes of a batch become float32; rows beyond the batch become 0.
struct Decode {
  BatchPart part = BatchPart::inputs;
  const std::byte* stored = nullptr;  ///< where the step does not say otherwise
  Stored form = Stored::f32;
  float scale = 1, offset = 0;                   ///< affine_u8
  std::int64_t rows = 0, width = 0, stride = 0;  ///< of the output; the input lies `width` apart, class ids 1
  FloatOut out;
  const StepState* state = nullptr;

  std::int64_t count() const { return rows * stride; }

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
      case Stored::affine_u8:  // two roundings, as the host's table: device code is built without contraction
        return static_cast<float>(at<std::uint8_t>(i)) * scale + offset;
      case Stored::class_u8:
        return at<std::uint8_t>(p.row) == p.column ? 1.0F : 0.0F;
      case Stored::class_i32:
        return at<std::int32_t>(p.row) == p.column ? 1.0F : 0.0F;
    }
    return 0;
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const {
    const Place p = place_of(i, stride);
    out.set(i, p.row < state->input.rows && p.column < width ? value(p) : 0.0F);
  }
};

/// values = activation(values + bias), in place. `bias` may be null; softmax is left to the loss.
struct BiasActivate {
  const float* bias = nullptr;
  Activation activation = Activation::linear;
  std::int64_t rows = 0, width = 0, stride = 0;
  FloatOut values;

  std::int64_t count() const { return rows * stride; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t column = place_of(i, stride).column;
    if (column >= width) return values.set(i, 0.0F);
    values.set(i, nn::activate(activation, bias ? values.wide[i] + bias[column] : values.wide[i]));
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

/// delta *= d activation at `output`, in place.
struct MultiplyBySlope {
  Activation activation = Activation::linear;
  const float* output = nullptr;
  std::int64_t elements = 0;
  FloatOut delta;

  std::int64_t count() const { return elements; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const {
    delta.set(i, delta.wide[i] * nn::slope(activation, output[i]));
  }
};

/// Outputs, loss, metrics and, when training, the gradient at the sums of the last layer; one index is one row.
struct FinishRow {
  Loss loss = Loss::mse;
  Activation activation = Activation::linear;
  float* outputs = nullptr;  ///< in: sums; out: outputs
  std::int64_t rows = 0, width = 0, stride = 0;
  const float* targets =
      nullptr;  ///< [rows, width] without gaps, or null: then class ids, or neither when only predicting
  const std::byte* classes = nullptr;  ///< this and the next: where the step does not say otherwise
  bool wide_classes = false;           ///< i32 instead of u8
  const float* row_weights = nullptr;  ///< may be null
  nn::RowResult* results = nullptr;
  FloatOut delta;  ///< `wide` is null when evaluating
  const StepState* state = nullptr;

  std::int64_t count() const { return rows; }
  MILLRACE_HOST_DEVICE nn::TargetRow target(std::int64_t row) const {
    if (targets) return {targets + row * width, -1};
    const std::byte* ids = bytes_of(*state, BatchPart::targets, classes);
    if (wide_classes) return {nullptr, reinterpret_cast<const std::int32_t*>(ids)[row]};
    return {nullptr, reinterpret_cast<const std::uint8_t*>(ids)[row]};
  }
  MILLRACE_HOST_DEVICE float weight(std::int64_t row) const {
    if (!row_weights) return 1.0F;
    return reinterpret_cast<const float*>(bytes_of(*state, BatchPart::weights, row_weights))[row];
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t row) const {
    if (row >= state->input.rows) {
      for (std::int64_t j = 0; delta.wide && j < stride; ++j) delta.set(row * stride + j, 0.0F);
      return;
    }
    float* out = outputs + row * stride;
    if (!targets && !classes) return nn::activate_outputs(activation, out, width);
    const nn::TargetRow y = target(row);
    const float w = weight(row);
    const float row_loss = nn::finish_outputs(loss, activation, out, width, y) * w;
    results[row] = {row_loss, nn::mean_absolute_error(out, width, y), nn::is_correct(out, width, y) ? 1.0F : 0.0F};
    if (delta.wide) find_delta(row, out, y, w);
  }
  MILLRACE_HOST_DEVICE void find_delta(std::int64_t row, const float* out, const nn::TargetRow& y, float weight) const {
    const std::int64_t mean_rows = state->input.mean_rows > 0 ? state->input.mean_rows : state->input.rows;
    const float share = 1.0F / static_cast<float>(mean_rows);
    float* to = delta.wide + row * stride;
    nn::loss_gradient(loss, activation, out, width, y, weight * share, to);
    for (std::int64_t j = width; j < stride; ++j) to[j] = 0.0F;
    for (std::int64_t j = 0; delta.narrow && j < stride; ++j) delta.narrow[row * stride + j] = to_bfloat(to[j]);
  }
};

/// One optimizer step over the whole flat buffer of weights. Does nothing once a loss was not finite.
struct Update {
  nn::UpdateRule rule = nn::UpdateRule::sgd;
  std::int64_t elements = 0;
  FloatOut weights;
  const float* gradient = nullptr;
  float* state0 = nullptr;
  float* state1 = nullptr;
  const StepState* state = nullptr;

  std::int64_t count() const { return elements; }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t i) const {
    if (state->diverged_step != 0) return;
    const math::UpdateConstants& c = state->input.constants;
    const float factor = state->gradient_factor;
    const float g = factor != 1.0F ? gradient[i] * factor : gradient[i];
    float w = weights.wide[i];
    switch (rule) {
      case nn::UpdateRule::sgd:
        math::sgd(w, g, c);
        break;
      case nn::UpdateRule::sgd_momentum:
        math::sgd_momentum(w, g, state0[i], c);
        break;
      case nn::UpdateRule::sgd_nesterov:
        math::sgd_nesterov(w, g, state0[i], c);
        break;
      case nn::UpdateRule::rmsprop:
        math::rmsprop(w, g, state0[i], c);
        break;
      case nn::UpdateRule::rmsprop_momentum:
        math::rmsprop_momentum(w, g, state0[i], state1[i], c);
        break;
      case nn::UpdateRule::adam:
        math::adam(w, g, state0[i], state1[i], c);
        break;
    }
    weights.set(i, w);
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

/// out[j] = sum over the rows of values[., j].
struct ColumnSums {
  const float* values = nullptr;
  std::int64_t rows = 0, width = 0, stride = 0;
  float* out = nullptr;
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
    if (nanoseconds > both) state->sums.waited += static_cast<double>(nanoseconds - both) / 1e9;
  }
};

/// Adds the rows' results to the sums, looks whether loss and gradient are finite, finds the clipping factor, tells the host.
struct FinishStep {
  const nn::RowResult* results = nullptr;
  std::int64_t rows = 0;  ///< that `results` has room for
  const WeightSums* partials = nullptr;
  std::int64_t partial_count = 0;
  const float* lanes = nullptr;  ///< summed over the ranks; null when there is one
  double clip_norm = 0;          ///< 0: none
  bool training = false;  ///< a loss or gradient that is not finite stops everything; when evaluating it is a result
  StepState* state = nullptr;
  ProgressPage* progress = nullptr;  ///< mapped host memory; may be null

  /// Everything after the sums over the batch; one thread. `batch` holds its loss, correct and absolute error.
  MILLRACE_HOST_DEVICE void finish(StepSums batch, const WeightSums& sums) const {
    state->said = 0;
    for (std::size_t i = 0; lanes != nullptr && i < nn::kLanes; ++i)
      if (!(lanes[i] == 0)) state->said |= 1U << i;
    if (state->diverged_step != 0) return;
    // A library's ReLU makes 0 of a NaN, so the loss may look well while the gradient is lost. x - x is 0 for finite x only.
    const bool loss_is_finite = lanes != nullptr ? lanes[nn::kDivergedLane] == 0 : batch.loss - batch.loss == 0;
    const bool finite = loss_is_finite && sums.gradient_squares - sums.gradient_squares == 0;
    if (training && !finite) {
      state->said |= 1U << nn::kDivergedLane;  // sums over the ranks are the same on all of them
      state->diverged_step = state->input.step;
      return;
    }
    batch.samples = static_cast<double>(state->input.rows);
    state->sums.loss += batch.loss;
    state->sums.penalty += sums.penalty * batch.samples;
    state->sums.correct += batch.correct;
    state->sums.absolute_error += batch.absolute_error;
    state->sums.samples += batch.samples;
    const double norm = std::sqrt(sums.gradient_squares);
    state->gradient_factor = clip_norm > 0 && norm > clip_norm ? static_cast<float>(clip_norm / norm) : 1.0F;
  }
};

/// D = op(A) op(B), in the column-major terms of BLAS: a row-major matrix with stride s is a column-major one with ld = s.
struct Matmul {
  enum class Epilogue : std::uint8_t {
    none,
    bias,           ///< D += bias of each row of D
    relu_aux_bias,  ///< the same, then ReLU; `aux` gets a bit for each element, 1 where the slope is 1
    drelu_bgrad,    ///< D *= the slopes in `aux`; bias = sums over the columns of D
    bgrada,         ///< bias = sums over k of op(A)
  };
  Precision precision = Precision::float32;
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  const void* a = nullptr;  ///< float32, or bf16 with Precision::bf16
  const void* b = nullptr;
  std::int64_t lda = 0, ldb = 0, ldd = 0;
  float* d = nullptr;
  Epilogue epilogue = Epilogue::none;
  float* bias = nullptr;
  void* aux = nullptr;
  std::int64_t aux_ld = 0;  ///< in bits, a multiple of 128
};

using Op = std::variant<Decode, Matmul, BiasActivate, Dropout, DropoutBackward, MultiplyBySlope, FinishRow, ColumnSums,
                        SumWeights, SetLanes, AllReduce, NoteTime, FinishStep, Update, Narrow>;
using Ops = std::vector<Op>;

}  // namespace millrace::cuda
