// Whether batches fit what is done with them: what a trainer and an evaluator look at before a run and while it lasts.
#pragma once

#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::stages {

/// Errors and warnings about what is known of the fields of port `port` before the run: targets that the loss cannot be
/// taken of, weights below 0, bytes that nobody has scaled.
/// Targets of another width than the model's outputs have an error already.
void check_batches(Loss loss, const ModelSpec& model, const PortSpec& batches, const char* port, InferContext& ctx);

/// Whether rows are sorted into classes, so that a share of right ones means something.
bool is_classification(Loss loss, const ModelSpec& model, const TensorSpec& targets);
/// Warns at each item of the parameter `metrics` that is for classes where rows are not sorted into any.
void check_metrics(const std::vector<std::string>& metrics, Loss loss, const ModelSpec& model,
                   const TensorSpec& targets, InferContext& ctx);

/// Error("duplicate-metric", config) at each item of the parameter `metrics` that says again what one before it says.
void require_different_metrics(const std::vector<std::string>& metrics, InferContext& ctx);

/// Throws Error("rank-rows", run) unless `packet` is this rank's part of batch `index` of an epoch of `epoch_rows` rows over all ranks.
void require_own_part(const RowShare& share, const Packet& packet, std::int64_t index, std::int64_t epoch_rows);

/// What to do about it.
inline constexpr const char* kFiniteData = "mend that row or leave it out: data must be finite";
/// "sample 7 has nan in `inputs`": the first value of the batch that is not finite as float32; empty when all are. The batch
/// lies on the host.
std::string not_finite_in(const Packet& batch);

/// Looks at the values of batches where that is not known. One thread at a time.
class BatchCheck {
 public:
  /// Nothing is looked at before. Batches that may lie on a device are not: there the loss becomes NaN instead.
  void begin(Loss loss, const PortSpec& batches, bool on_host);
  /// Throws Error(data) with the sample and its value: "target-out-of-range", "negative-weight". Warns of a "target-sum".
  void require(const Packet& batch, RunReporter& reporter);
  /// An epoch is over: warns if it had weights and each of them was 0.
  void end_epoch(RunReporter& reporter);

 private:
  void require_weights(const Packet& batch);
  Loss loss_{};
  bool looks_at_values_ = false, looks_at_sums_ = false, looks_at_weights_ = false;
  bool has_rows_ = false, has_weight_ = false;  ///< the epoch has had rows, and a weight that is not 0
};

}  // namespace millrace::stages
