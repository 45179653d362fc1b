// Numbers are drawn by the finalizer of SplitMix64. Sums do not depend on the order of rows, nor on how threads and ranks share them.
#include "row_account.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kLowKey = 0x9e3779b97f4a7c15, kHighKey = 0xc2b2ae3d27d4eb4f;
constexpr std::size_t kDigits = 16;

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111eb;
  return x ^ (x >> 31U);
}

/// Of an epoch: what its rows are drawn with.
RowSum keys_of(std::uint32_t epoch) { return {mixed(kLowKey + epoch), mixed(kHighKey + epoch)}; }

RowSum drawn(const RowSum& keys, std::uint64_t id) { return {mixed(id + keys.low), mixed(id + keys.high)}; }

}  // namespace

RowSum& RowSum::operator+=(const RowSum& other) {
  low += other.low;
  high += other.high;
  return *this;
}

RowSum& RowSum::operator-=(const RowSum& other) {
  low -= other.low;
  high -= other.high;
  return *this;
}

RowSum sum_of_row(std::uint32_t epoch, std::uint64_t id) { return drawn(keys_of(epoch), id); }

std::string to_text(const RowSum& sum) { return fmt::format("{:016x}{:016x}", sum.high, sum.low); }

std::optional<RowSum> parse_row_sum(std::string_view text) {
  if (text.size() != 2 * kDigits) return std::nullopt;
  const char* const middle = text.data() + kDigits;
  RowSum sum;
  const auto high = std::from_chars(text.data(), middle, sum.high, 16);
  const auto low = std::from_chars(middle, middle + kDigits, sum.low, 16);
  if (high.ec != std::errc() || low.ec != std::errc() || high.ptr != middle || low.ptr != middle + kDigits)
    return std::nullopt;
  return sum;
}

void RowAccount::add(std::span<const std::uint64_t> ids) {
  const RowSum keys = keys_of(epoch);
  for (const std::uint64_t id : ids) sum += drawn(keys, id);
  rows += static_cast<std::int64_t>(ids.size());
}

bool has_row_account(const ValidatedGraph& graph, const ValidatedNode& node) {
  if (node.info->kind != StageKind::serial || !(graph.is_trainer(node) || graph.is_evaluator(node))) return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](const ValidatedEdge& edge) { return graph.spec_of(edge).kind == PortKind::data; });
}

}  // namespace millrace::pipelines
