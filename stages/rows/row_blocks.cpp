// Positions are those of the whole epoch, so that an order is the same over any number of processes.
#include "row_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

namespace millrace::stages {
namespace {

// Shuffled rows lie anywhere, so the processor's own prefetching never gets going. Small but measured: an epoch of
// tools/bench/pipeline.yaml takes about a tenth less in the median of 9 pairs of runs, though single runs overlap.
constexpr std::size_t kRowsAhead = 4;
constexpr std::size_t kCacheLine = 64, kMostPrefetched = 4096;

void prefetch(const std::byte* row, std::size_t bytes) {
  for (std::size_t at = 0; at < std::min(bytes, kMostPrefetched); at += kCacheLine) __builtin_prefetch(row + at);
}

}  // namespace

RowBlocks::RowBlocks(const RowChoice& choice, OpenContext& ctx)
    : first_(choice.first),
      count_(choice.count),
      block_rows_(choice.block_rows),
      share_(ctx.share()),
      rows_(share_.rows_of_epoch(count_)) {
  if (choice.shuffles) order_.emplace(ctx.random("shuffle"), count_);
}

void RowBlocks::begin_epoch(std::uint32_t epoch, std::int64_t row) {
  at_ = row;
  if (order_) order_->begin_epoch(epoch);
}

RowBlocks::Block RowBlocks::next() {
  const std::int64_t rows = std::min(block_rows_, rows_ - at_);
  auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < ids->size(); ++i) {
    const std::int64_t position = share_.position(at_ + static_cast<std::int64_t>(i), count_);
    (*ids)[i] = static_cast<std::uint64_t>(first_ + (order_ ? order_->row(position) : position));
  }
  const auto position = static_cast<std::uint64_t>(share_.position(at_, count_));
  at_ += rows;
  return {std::move(ids), position, at_ == rows_};
}

void RowBlocks::gather(const std::byte* table, std::size_t row_bytes, const std::vector<std::uint64_t>& ids,
                       std::byte* to) const {
  const auto row = [&](std::size_t i) { return table + (ids[i] - static_cast<std::uint64_t>(first_)) * row_bytes; };
  if (!order_ && share_.is_whole() && !ids.empty()) {
    std::memcpy(to, row(0), ids.size() * row_bytes);
    return;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i + kRowsAhead < ids.size()) prefetch(row(i + kRowsAhead), row_bytes);
    std::memcpy(to + i * row_bytes, row(i), row_bytes);
  }
}

}  // namespace millrace::stages
