// The first rank goes on with the sums of all, and the others with none: their sum has the same bits as before.
#include "running_epoch.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace millrace::stages {
namespace {

constexpr const char* kName = "epoch";

}  // namespace

void RunningEpoch::open(Communicator& communicator, Reduction reduction) {
  communicator_ = &communicator;
  reduction_ = reduction;
}

bool RunningEpoch::adds_by_batch() const { return communicator_->size() > 1 && reduction_ == Reduction::ordered; }

void RunningEpoch::begin(std::uint32_t epoch) {
  taken_ = {};
  taken_.epoch = epoch;
  sums_ = {};
  by_batch_.clear();
  mark_ = last_end_;
}

void RunningEpoch::begin_batch(double now) {
  if (!has_started_) mark_ = last_end_ = now;
  if (!has_started_ || taken_.batches == 0) first_start_ = now;
  has_started_ = true;
}

void RunningEpoch::end_batch(const BatchSums& sums, std::int64_t rows, double now) {
  add(sums);
  ++taken_.batches;
  taken_.rows += static_cast<std::uint64_t>(rows);
  last_end_ = now;
}

void RunningEpoch::add_late(const BatchSums& sums, double now) {
  add(sums);
  if (sums.samples != 0) last_end_ = now;
}

void RunningEpoch::add(const BatchSums& sums) {
  sums_.add(sums);
  if (adds_by_batch()) by_batch_.push_back(sums);
}

void RunningEpoch::add_up_ranks() {
  const std::span<const BatchSums> mine =
      adds_by_batch() ? std::span<const BatchSums>(by_batch_) : std::span(&sums_, 1);
  sums_ = sum_over_ranks(*communicator_, mine, reduction_);
  by_batch_.clear();
}

void RunningEpoch::save(StageState& state, const BatchSums& pending) const {
  Taken taken = taken_;
  taken.seconds = seconds();
  taken.sums = sums_;
  taken.sums.add(pending);
  state.put(kName, std::as_bytes(std::span(&taken, 1)));
}

void RunningEpoch::load(const StageState& state) {
  const std::span<const std::byte> bytes = state.get(kName);
  if (bytes.size() != sizeof taken_)
    throw Error(ErrorKind::data, "state-mismatch",
                fmt::format("state `{}` has {} bytes, a trainer needs {}", kName, bytes.size(), sizeof taken_),
                "load it into the version of Millrace that has saved it");
  std::memcpy(&taken_, bytes.data(), sizeof taken_);
  sums_ = communicator_->rank() == 0 ? std::exchange(taken_.sums, {}) : BatchSums{};
  if (adds_by_batch()) by_batch_.push_back(sums_);
}

}  // namespace millrace::stages
