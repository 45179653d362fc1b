// Data dependencies (read after write, write after read, write after write) from overlapping byte ranges; vector clocks leave out the waits
// that others imply.
#include "cuda/step/step_order.hpp"

#include <algorithm>

namespace millrace::cuda {
namespace {

bool overlap(const Access& a, const Access& b) {
  const auto* a_begin = static_cast<const std::byte*>(a.begin);
  const auto* b_begin = static_cast<const std::byte*>(b.begin);
  return a_begin < b_begin + b.bytes && b_begin < a_begin + a.bytes;
}

bool writes_only_to(const std::vector<Access>& accesses, const Access& place) {
  return std::all_of(accesses.begin(), accesses.end(), [&](const Access& a) {
    const auto* begin = static_cast<const std::byte*>(a.begin);
    const auto* from = static_cast<const std::byte*>(place.begin);
    return !a.writes || (begin >= from && begin + a.bytes <= from + place.bytes);
  });
}

StreamRole role_of(const Op& op, const std::vector<Access>& accesses, const Access& gradient) {
  if (std::holds_alternative<AllReduce>(op) || std::holds_alternative<ColumnSums>(op) ||
      std::holds_alternative<SumRows>(op) || std::holds_alternative<FinishStep>(op))
    return StreamRole::aside;
  if (const auto* timestamp = std::get_if<RecordTimestamp>(&op))
    return timestamp->moment == RecordTimestamp::Moment::weights_are_ready ? StreamRole::weights : StreamRole::chain;
  return std::holds_alternative<Matmul>(op) && writes_only_to(accesses, gradient) ? StreamRole::weights
                                                                                  : StreamRole::chain;
}

/// Of each stream the number of operations of the list, counted to its last one of that stream, that are over; 0: none.
using Reached = std::array<std::size_t, kStreams>;

}  // namespace

std::vector<Access> accesses_of(const Op& op) {
  AccessCollector collector;
  std::visit([&](const auto& each) { each.accesses(collector); }, op);
  return collector.take();
}

bool conflict(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& x : a)
    for (const Access& y : b)
      if ((x.writes || y.writes) && overlap(x, y)) return true;
  return false;
}

// An operation waits for the latest operation of each other stream that it must not overtake, unless it knows already that this
// one is over: from its own stream, or from another that it waits for.
StepOrder order_of(const Ops& ops, const Access& gradient) {
  StepOrder order;
  std::vector<std::vector<Access>> accesses;
  std::vector<Reached> over;  // once an operation is
  Reached last{};             // operations of each stream so far
  for (std::size_t j = 0; j < ops.size(); ++j) {
    accesses.push_back(accesses_of(ops[j]));
    StepOrder::Place place{role_of(ops[j], accesses[j], gradient), {}};
    const auto own = static_cast<std::size_t>(place.stream);
    Reached known = last[own] > 0 ? over[last[own] - 1] : Reached{};
    for (std::size_t i = j; i-- > 0;) {
      const auto other = static_cast<std::size_t>(order.places[i].stream);
      if (other == own || known[other] > i || !conflict(accesses[i], accesses[j])) continue;
      place.after.push_back(i);
      for (std::size_t s = 0; s < kStreams; ++s) known[s] = std::max(known[s], over[i][s]);
    }
    known[own] = last[own] = j + 1;
    over.push_back(known);
    order.places.push_back(std::move(place));
  }
  const std::size_t chain = last[0];
  for (std::size_t s = 1; s < kStreams; ++s)
    if (last[s] > (chain > 0 ? over[chain - 1][s] : 0)) order.joins.push_back(last[s] - 1);
  return order;
}

}  // namespace millrace::cuda
