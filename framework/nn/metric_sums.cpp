// What is said of metrics by name, and sums over rows: of a batch's parts, of batches, and of ranks.
#include "metrics.hpp"

#include <millrace/communicator.hpp>
#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace millrace {
namespace {

BatchSums sum_in_order(std::span<const BatchSums> batches) {
  BatchSums all;
  for (const BatchSums& batch : batches) all.add(batch);
  return all;
}

/// By rank, what each has given, batch after batch.
std::vector<BatchSums> gather(Communicator& communicator, std::span<const BatchSums> mine) {
  const std::vector<std::byte> all = communicator.all_gather(std::as_bytes(mine));
  if (all.size() != mine.size_bytes() * static_cast<std::size_t>(communicator.size()))
    throw Error(ErrorKind::run, "rank-batches",
                "rank " + std::to_string(communicator.rank()) + " has measured " + std::to_string(mine.size()) +
                    " batches in this epoch, another rank more or fewer",
                "over several processes no stage upstream may drop, add or cut batches");
  std::vector<BatchSums> gathered(all.size() / sizeof(BatchSums));
  std::memcpy(gathered.data(), all.data(), gathered.size() * sizeof(BatchSums));
  return gathered;
}

}  // namespace

void BatchSums::add(const BatchSums& other) {
  loss += other.loss;
  penalty += other.penalty;
  samples += other.samples;
  nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    Metric::in(*this) += Metric::in(other);
  });
}

bool BatchSums::is_finite() const {
  bool all_finite = std::isfinite(loss);
  nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    all_finite = all_finite && std::isfinite(Metric::in(*this));
  });
  return all_finite;
}

bool is_for_classes(std::string_view metric) {
  bool is_for = false;
  nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    is_for = is_for || (metric == Metric::kName && Metric::kForClasses);
  });
  return is_for;
}

double mean_of(std::string_view metric, const BatchSums& sums) {
  if (metric == "loss") return (sums.loss + sums.penalty) / sums.samples;
  const double* found = nullptr;
  nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    if (metric == Metric::kName) found = &Metric::in(sums);
  });
  if (found) return *found / sums.samples;
  throw Error(ErrorKind::run, "unknown-metric", "there is no metric `" + std::string(metric) + "`");
}

BatchSums sum_in_pairs(std::span<const BatchSums> parts) {
  if (parts.empty()) return {};
  if (parts.size() == 1) return parts.front();
  BatchSums sum = sum_in_pairs(parts.first(parts.size() / 2));
  sum.add(sum_in_pairs(parts.subspan(parts.size() / 2)));
  return sum;
}

BatchSums sum_over_ranks(Communicator& communicator, std::span<const BatchSums> batches, Reduction reduction) {
  const auto ranks = static_cast<std::size_t>(communicator.size());
  if (ranks == 1) return sum_in_order(batches);
  if (reduction == Reduction::fast) {
    const BatchSums mine = sum_in_order(batches);
    return sum_in_order(gather(communicator, {&mine, 1}));
  }
  const std::vector<BatchSums> all = gather(communicator, batches);
  std::vector<BatchSums> of_ranks(ranks), of_batches;
  for (std::size_t batch = 0; batch < batches.size(); ++batch) {
    for (std::size_t rank = 0; rank < ranks; ++rank) of_ranks[rank] = all[rank * batches.size() + batch];
    of_batches.push_back(sum_in_pairs(of_ranks));
  }
  return sum_in_order(of_batches);
}

}  // namespace millrace
