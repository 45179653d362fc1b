// An account of rows: which ones a node has taken in an epoch, and how often, whatever their order.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Two sums of 64 bits each, modulo 2^64, of numbers that are drawn from (epoch, row). Rows that are missing or came twice change it, and the
/// difference of two sums says which ones.
struct RowSum {
  std::uint64_t low = 0, high = 0;

  RowSum& operator+=(const RowSum& other);
  RowSum& operator-=(const RowSum& other);
  bool operator==(const RowSum&) const = default;
};

/// What row `id` adds in an epoch.
RowSum sum_of_row(std::uint32_t epoch, std::uint64_t id);
/// 32 hexadecimal digits, and back; nothing for what is no such text.
std::string to_text(const RowSum& sum);
std::optional<RowSum> parse_row_sum(std::string_view text);

/// Of one node in one epoch.
struct RowAccount {
  std::uint32_t epoch = 0;
  std::int64_t rows = 0;
  RowSum sum = {};
  int ranks = 1;  ///< that have had a part of the rows each

  void add(std::span<const std::uint64_t> ids);
};

/// Whether a run keeps one of a node: of what trains on rows or evaluates them.
bool has_row_account(const ValidatedGraph& graph, const ValidatedNode& node);

}  // namespace millrace::pipelines
