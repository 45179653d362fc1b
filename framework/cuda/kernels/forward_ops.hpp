// The work of a step from the stored batch to outputs, losses and metrics, and to the gradient at the logits: one struct a kernel, with
// pointers and sizes, what it touches and, for elementwise work, the function of one index. Host code can call the same functions,
// and the tests do.
#pragma once

#include "core/philox.hpp"
#include "cuda/kernels/access.hpp"
#include "cuda/kernels/matrix.hpp"
#include "cuda/kernels/step_state.hpp"
#include "nn/metrics.hpp"

#include <millrace/random.hpp>

#include <cstddef>
#include <cstdint>

namespace millrace::cuda {

/// How stored elements become values: dense of a type, bytes through scale and offset, or class ids.
enum class Stored : std::uint8_t { u8, i8, i16, i32, f32, f64, affine_u8, class_u8, class_i32 };

inline std::int64_t size_of(Stored form) {
  switch (form) {
    case Stored::f64:
      return 8;
    case Stored::i32:
    case Stored::f32:
    case Stored::class_i32:
      return 4;
    case Stored::i16:
      return 2;
    default:
      return 1;
  }
}

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
  float scale = 1, offset = 0;  ///< affine_u8
  std::int64_t rows = 0, width = 0,
               stride = 0;  ///< the output's size; rows of the input lie `width` apart, class ids 1
  FloatOut out;
  const StepState* state = nullptr;

  std::int64_t count() const { return rows * stride / kFour; }
  void accesses(AccessCollector& to) const {
    const bool is_class = form == Stored::class_u8 || form == Stored::class_i32;
    to.read_bytes(stored, rows * (is_class ? 1 : width) * size_of(form));
    to.read(state, 1);
    out.written(to, rows * stride);
  }

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

  void accesses(AccessCollector& to) const {
    const std::int64_t element = precision == Precision::bf16 ? 2 : 4;
    to.read_bytes(a, extent(transpose_a ? k : m, transpose_a ? m : k, lda) * element);
    to.read_bytes(b, extent(transpose_b ? n : k, transpose_b ? k : n, ldb) * element);
    to.write(d, extent(m, n, ldd));
    if (epilogue != Epilogue::none) to.read(bias, m);
  }

 private:
  /// Elements from the first to the last of a column-major matrix.
  static std::int64_t extent(std::int64_t rows, std::int64_t columns, std::int64_t ld) {
    return (columns - 1) * ld + rows;
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
  void accesses(AccessCollector& to) const {
    to.read(bias, width);
    to.change(values.f32, rows * stride);
    to.write(values.bf16, rows * stride);
  }
  MILLRACE_HOST_DEVICE void operator()(std::int64_t group) const {
    const std::int64_t columns = place_of(group, stride / kFour).column;
    const Four biases = bias ? four_of(bias, columns) : Four{};
    Four four = four_of(values.f32, group);
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
  void accesses(AccessCollector& to) const {
    to.read(in, rows * stride);
    to.read(ids, rows);
    to.read(state, 1);
    out.written(to, rows * stride);
    to.write(mask, rows * stride);
  }
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

/// Outputs, loss, metrics and, when training, the gradient at the logits; one index is one row.
struct FinishRow {
  Loss loss = Loss::mse;
  Activation activation = Activation::linear;
  float* outputs = nullptr;  ///< in: logits; out: outputs
  std::int64_t rows = 0, width = 0, stride = 0;
  const float* targets = nullptr;      ///< as `outputs`; or null: then class ids, or neither when only predicting
  const std::byte* classes = nullptr;  ///< this and the next: where the step does not say otherwise
  bool wide_classes = false;           ///< i32 instead of u8
  const float* row_weights = nullptr;  ///< may be null
  nn::RowResult* results = nullptr;
  FloatOut delta;  ///< `f32` is null when evaluating
  const StepState* state = nullptr;

  std::int64_t count() const { return rows; }
  void accesses(AccessCollector& to) const {
    to.change(outputs, rows * stride);
    to.read(targets, rows * stride);
    to.read_bytes(classes, rows * (wide_classes ? 4 : 1));
    to.read(row_weights, rows);
    to.read(state, 1);
    to.write(results, rows);
    delta.written(to, rows * stride);
  }
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
    finish(row, outputs + row * stride, delta.f32 ? delta.f32 + row * stride : nullptr, width);
  }
  /// The same, worked out in `z` and, when training, `d`, each with room for `n` values, which is the width: as a constant it lets
  /// a compiler keep them in registers.
  MILLRACE_HOST_DEVICE void finish(std::int64_t row, float* z, float* d, std::int64_t n) const {
    if (row >= state->input.rows) return put_delta(row, nullptr, n);
    float* out = outputs + row * stride;
    for (std::int64_t j = 0; j < n; ++j) z[j] = out[j];
    if (targets || classes)
      compute_results(row, z, d, n);
    else
      nn::apply_activation(activation, z, n);
    for (std::int64_t j = 0; j < n; ++j) out[j] = z[j];
  }

 private:
  MILLRACE_HOST_DEVICE void compute_results(std::int64_t row, float* z, float* d, std::int64_t n) const {
    const nn::TargetRow y = target(row);
    const float w = weight(row);
    const float row_loss = nn::finish_outputs(loss, activation, z, n, y) * w;
    results[row] = nn::measure_row(row_loss, z, n, y);
    if (!delta.f32) return;
    const std::int64_t mean_rows = state->input.mean_rows > 0 ? state->input.mean_rows : state->input.rows;
    nn::loss_gradient(loss, activation, z, n, y, w * (1.0F / static_cast<float>(mean_rows)), d);
    put_delta(row, d, n);
  }
  /// Null stands for zeros.
  MILLRACE_HOST_DEVICE void put_delta(std::int64_t row, const float* d, std::int64_t n) const {
    if (!delta.f32) return;
    for (std::int64_t j = 0; j < n; ++j) delta.set(row * stride + j, d != nullptr ? d[j] : 0.0F);
    for (std::int64_t j = n; j < stride; ++j) delta.set(row * stride + j, 0.0F);
  }
};

}  // namespace millrace::cuda
