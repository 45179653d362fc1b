// Declared value ranges are judged before the run; only what they leave open is looked for in each batch, and only in the host's memory.
#include "batch_check.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/detail/number_text.hpp>
#include <millrace/error.hpp>
#include <millrace/target_check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace millrace::stages {
namespace {

/// Beyond this, first layers that are initialized as usual give sums that saturate whatever follows.
constexpr double kScaledUpTo = 16;

constexpr const char *kOutOfRange = "target-out-of-range", *kWrongSum = "target-sum";
constexpr const char* kRangeHelp = "scale them, put a `one_hot` after class ids, or use the loss `mse`";
constexpr const char* kSumHelp = "give the probabilities of the classes, or class ids through a `one_hot`";
constexpr const char* kWeightsHelp = "give every sample a weight of 0 or more";

void check_targets(Loss loss, const TensorSpec& targets, const char* port, InferContext& ctx) {
  if (const auto fault = known_out_of_range(loss, targets))
    ctx.error(ErrorSite::input(port), kOutOfRange, fault->message, kRangeHelp);
  else if (const auto wrong = known_wrong_sum(loss, targets))
    ctx.warn(ErrorSite::input(port), kWrongSum, wrong->message, kSumHelp);
}

void check_weights(const TensorSpec& weights, const char* port, InferContext& ctx) {
  if (!weights.range) return;
  if (weights.range->lo < 0)
    ctx.error(ErrorSite::input(port), "negative-weight",
              fmt::format("`weights` reach from {} to {}, and one below 0 makes the loss grow", weights.range->lo,
                          weights.range->hi),
              kWeightsHelp);
  else if (weights.range->hi == 0)
    ctx.warn(ErrorSite::input(port), "weights-all-zero", "every one of the `weights` is 0, so nothing is learned",
             "give the samples that count a weight above 0");
}

bool is_unscaled(const TensorSpec& inputs) {
  return inputs.dtype == DType::u8 && inputs.encoding.kind == EncodingKind::dense && inputs.range &&
         std::max(std::fabs(inputs.range->lo), std::fabs(inputs.range->hi)) > kScaledUpTo;
}

std::uint64_t sample_of(const Packet& batch, std::int64_t row) {
  return batch.sample_ids()[static_cast<std::size_t>(row)];
}

/// A value of a tensor, and what a message calls it.
struct PlacedValue {
  std::size_t place = 0;
  std::string text;
};

// Steps compute in float32, and a large float64 is infinite there.
template <class T>
std::optional<PlacedValue> first_not_finite_of(const Tensor& tensor) {
  const auto values = static_cast<std::size_t>(tensor.rows() * tensor.spec().stored_elements());
  const auto* data = reinterpret_cast<const T*>(tensor.bytes());
  const T* bad = std::find_if(data, data + values, [](T value) { return !std::isfinite(static_cast<float>(value)); });
  if (bad == data + values) return {};
  const auto place = static_cast<std::size_t>(bad - data);
  if (std::isfinite(*bad)) return PlacedValue{place, fmt::format("{} ({} as float32)", *bad, static_cast<float>(*bad))};
  return PlacedValue{place, fmt::format("{}", without_nan_sign(*bad))};
}

/// Other types than these two hold none.
std::optional<PlacedValue> first_not_finite(const Tensor& tensor) {
  switch (tensor.spec().stored_dtype()) {
    case DType::f32:
      return first_not_finite_of<float>(tensor);
    case DType::f64:
      return first_not_finite_of<double>(tensor);
    default:
      return {};
  }
}

void warn_of_class_ids(Loss loss, const TensorSpec& targets, const char* port, InferContext& ctx) {
  ctx.warn(ErrorSite::input(port), "class-ids-as-quantities",
           fmt::format("`targets` are numbers of classes (`{}` is 0), and the loss `{}` takes them for quantities",
                       targets.class_names.at(0), to_string(loss)),
           "write numbers without quotes, or put a `one_hot` after classes");
}

}  // namespace

void check_batches(Loss loss, const ModelSpec& model, const PortSpec& batches, const char* port, InferContext& ctx) {
  const TensorSpec *targets = batches.find("targets"), *weights = batches.find("weights");
  if (targets != nullptr && elements_of(targets->row_shape) == model.outputs())
    check_targets(loss, *targets, port, ctx);
  if (targets != nullptr && !targets->class_names.empty() && !is_classification(loss, model, *targets))
    warn_of_class_ids(loss, *targets, port, ctx);
  if (weights != nullptr) check_weights(*weights, port, ctx);
  const TensorSpec* inputs = batches.find("inputs");
  if (inputs != nullptr && is_unscaled(*inputs))
    ctx.warn(ErrorSite::input(port), "inputs-not-scaled",
             fmt::format("`inputs` are bytes in [{}, {}] as they come", inputs->range->lo, inputs->range->hi),
             "put a `normalize: {scale: 1/255}` before the batcher; models learn badly from values so large");
}

bool is_classification(Loss loss, const ModelSpec& model, const TensorSpec& targets) {
  if (takes_probabilities(loss) || targets.encoding.kind == EncodingKind::indicator) return true;
  return gives_probabilities(model.layers.back().activation);
}

void check_metrics(const std::vector<std::string>& metrics, Loss loss, const ModelSpec& model,
                   const TensorSpec& targets, InferContext& ctx) {
  for (std::size_t i = 0; i < metrics.size(); ++i)
    if (is_for_classes(metrics[i]) && !is_classification(loss, model, targets))
      ctx.warn(ErrorSite::param(fmt::format("metrics.{}", i)), "accuracy-of-a-regression",
               fmt::format("`{}` counts right classes, and a model with the loss `{}` and a last layer that is `{}` "
                           "gives quantities",
                           metrics[i], to_string(loss), to_string(model.layers.back().activation)),
               "ask for `mae`, or leave it out");
}

void require_different_metrics(const std::vector<std::string>& metrics, InferContext& ctx) {
  for (auto metric = metrics.begin(); metric != metrics.end(); ++metric)
    if (std::find(metrics.begin(), metric, *metric) != metric)
      ctx.error(ErrorSite::param(fmt::format("metrics.{}", metric - metrics.begin())), "duplicate-metric",
                fmt::format("`{}` is asked for twice", *metric), "name every metric once");
}

// A stage that drops or moves rows would make every rank train on or measure something else than its part, without a sign.
void require_own_part(const RowShare& share, const Packet& packet, std::int64_t index, std::int64_t epoch_rows) {
  if (share.is_whole()) return;
  const std::int64_t rows = share.rows_of_batch(index, epoch_rows);
  const std::int64_t first = index * share.batch_rows + share.part_first(rows);
  if (packet.rows == share.part_rows(rows) && static_cast<std::int64_t>(packet.header.first_row) == first) return;
  throw Error(ErrorKind::run, "rank-rows",
              fmt::format("batch {} has {} from position {}, the part of rank {} is {} from position {}", index + 1,
                          counted(packet.rows, "row"), packet.header.first_row, share.rank,
                          counted(share.part_rows(rows), "row"), first),
              "over several processes no stage upstream may drop, add or move rows");
}

std::string not_finite_in(const Packet& batch) {
  for (const Field& field : batch.fields) {
    const std::optional<PlacedValue> bad = first_not_finite(field.tensor);
    if (!bad) continue;
    const std::size_t row = bad->place / static_cast<std::size_t>(field.tensor.spec().stored_elements());
    return fmt::format("sample {} has {} in `{}`", batch.sample_ids()[row], bad->text, field.name);
  }
  return {};
}

void BatchCheck::begin(Loss loss, const PortSpec& batches, bool on_host) {
  const TensorSpec *targets = batches.find("targets"), *weights = batches.find("weights");
  loss_ = loss;
  looks_at_values_ = on_host && targets != nullptr && leaves_values_open(loss, *targets);
  looks_at_sums_ =
      on_host && targets != nullptr && leaves_sums_open(loss, *targets) && !known_wrong_sum(loss, *targets);
  const bool is_known = weights != nullptr && weights->range && (weights->range->lo > 0 || weights->range->hi <= 0);
  looks_at_weights_ = on_host && weights != nullptr && !is_known;
}

void BatchCheck::require(const Packet& batch, RunReporter& reporter) {
  if (looks_at_values_)
    if (const auto fault = find_out_of_range(loss_, batch.tensor("targets")))
      throw Error(ErrorKind::data, kOutOfRange,
                  fmt::format("sample {} has {}", sample_of(batch, fault->row), fault->message), kRangeHelp);
  if (looks_at_sums_)
    if (const auto fault = find_wrong_sum(batch.tensor("targets")))
      reporter.warn(kWrongSum, fmt::format("sample {} has {}", sample_of(batch, fault->row), fault->message), kSumHelp);
  if (looks_at_weights_) require_weights(batch);
}

void BatchCheck::require_weights(const Packet& batch) {
  const auto weights = batch.tensor("weights").f32();
  const auto below = std::find_if(weights.begin(), weights.end(), [](float w) { return w < 0; });
  if (below != weights.end())
    throw Error(ErrorKind::data, "negative-weight",
                fmt::format("sample {} has the weight {}", sample_of(batch, below - weights.begin()), *below),
                kWeightsHelp);
  has_rows_ = has_rows_ || !weights.empty();
  has_weight_ = has_weight_ || std::any_of(weights.begin(), weights.end(), [](float w) { return w != 0; });
}

void BatchCheck::end_epoch(RunReporter& reporter) {
  if (has_rows_ && !has_weight_)
    reporter.warn("weights-all-zero", "every one of the `weights` of an epoch was 0, so nothing was learned",
                  "give the samples that count a weight above 0");
  has_rows_ = has_weight_ = false;
}

}  // namespace millrace::stages
