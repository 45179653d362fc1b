// Before a run by the declared value range alone; later by a scan for the first bad row, decoding 64 rows at a time where they are not float32.
#include <millrace/target_check.hpp>

#include "losses.hpp"

#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace millrace {
namespace {

/// Rows that are decoded at once where they are not dense f32.
constexpr std::int64_t kRowsAtOnce = 64;
/// How far from 1 a sum of probabilities may be: those that are written with three digits are.
constexpr float kSumTolerance = 1e-3F;

bool is_dense_f32(const TensorSpec& spec) {
  return spec.encoding.kind == EncodingKind::dense && spec.dtype == DType::f32;
}

/// What `fault_of` says of the first row of which it says something.
template <class FaultOf>
std::optional<TargetFault> find_in_rows(const float* values, std::int64_t rows, std::int64_t width, FaultOf fault_of) {
  for (std::int64_t row = 0; row < rows; ++row)
    if (std::string message = fault_of(values + row * width); !message.empty())
      return TargetFault{std::move(message), row};
  return {};
}

template <class FaultOf>
std::optional<TargetFault> find(const Tensor& targets, FaultOf fault_of) {
  const TensorSpec& spec = targets.spec();
  const std::int64_t width = elements_of(spec.row_shape);
  if (is_dense_f32(spec)) return find_in_rows(targets.stored<float>().data(), targets.rows(), width, fault_of);
  std::vector<float> decoded(static_cast<std::size_t>(std::min(targets.rows(), kRowsAtOnce) * width));
  for (std::int64_t first = 0; first < targets.rows(); first += kRowsAtOnce) {
    const std::int64_t rows = std::min(targets.rows() - first, kRowsAtOnce);
    decode_f32(spec, targets.bytes() + static_cast<std::size_t>(first) * spec.stored_row_bytes(), rows, decoded.data());
    if (auto fault = find_in_rows(decoded.data(), rows, width, fault_of)) {
      fault->row += first;
      return fault;
    }
  }
  return {};
}

}  // namespace

bool takes_probabilities(Loss loss) {
  return nn::visit(loss, [](auto tag) { return decltype(tag)::Type::kTakesProbabilities; });
}

std::optional<TargetFault> known_out_of_range(Loss loss, const TensorSpec& targets) {
  if (!takes_probabilities(loss) || !targets.range) return {};
  const auto [lo, hi] = *targets.range;
  if (!nn::is_no_probability(static_cast<float>(lo)) && !nn::is_no_probability(static_cast<float>(hi))) return {};
  return TargetFault{fmt::format("`targets` lie in [{}, {}], `{}` takes 0 to 1", lo, hi, to_string(loss))};
}

std::optional<TargetFault> known_wrong_sum(Loss loss, const TensorSpec& targets) {
  if (!targets.range || !leaves_sums_open(loss, targets)) return {};
  const auto width = static_cast<double>(elements_of(targets.row_shape));
  const double least = targets.range->lo * width, most = targets.range->hi * width;
  const auto slack = static_cast<double>(kSumTolerance);
  if (least <= 1 + slack && most >= 1 - slack) return {};
  return TargetFault{fmt::format("rows of `targets` sum to {} to {}, and not to 1", least, most)};
}

bool leaves_values_open(Loss loss, const TensorSpec& targets) {
  return takes_probabilities(loss) && targets.encoding.kind != EncodingKind::indicator && !targets.range;
}

bool leaves_sums_open(Loss loss, const TensorSpec& targets) {
  const bool takes_sum_one = nn::visit(loss, [](auto tag) { return decltype(tag)::Type::kTakesRowsOfSumOne; });
  return takes_sum_one && targets.encoding.kind != EncodingKind::indicator;
}

std::optional<TargetFault> find_out_of_range(Loss loss, const Tensor& targets) {
  const std::int64_t width = elements_of(targets.spec().row_shape);
  return find(targets, [&](const float* row) -> std::string {
    const float* wrong = std::find_if(row, row + width, nn::is_no_probability);
    if (wrong == row + width) return {};
    return fmt::format("the target {} at place {}, `{}` takes 0 to 1", *wrong, wrong - row, to_string(loss));
  });
}

std::optional<TargetFault> find_wrong_sum(const Tensor& targets) {
  const std::int64_t width = elements_of(targets.spec().row_shape);
  return find(targets, [&](const float* row) -> std::string {
    float sum = 0;
    for (std::int64_t j = 0; j < width; ++j) sum += row[j];
    return std::fabs(sum - 1.0F) > kSumTolerance ? fmt::format("targets that sum to {}, and not to 1", sum) : "";
  });
}

}  // namespace millrace
