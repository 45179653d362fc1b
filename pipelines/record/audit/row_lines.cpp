// Three values a node: "NODE.rows", "NODE.sum" and "NODE.ranks".
#include "row_lines.hpp"

#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::string_view kRows = ".rows", kSum = ".sum", kRanks = ".ranks";

template <class T>
const T* value_of(const JournalLine& line, const std::string& name) {
  const auto value = line.values.find(name);
  return value == line.values.end() ? nullptr : std::get_if<T>(&value->second);
}

}  // namespace

JournalLine rows_line(std::int64_t attempt, std::uint32_t epoch, const RowAccounts& accounts) {
  JournalLine line;
  line.attempt = attempt;
  line.position = {epoch, 0};
  line.kind = kRowsLine;
  for (const auto& [node, account] : accounts) {
    line.values.emplace(node + std::string(kRows), account.rows);
    line.values.emplace(node + std::string(kSum), to_text(account.sum));
    line.values.emplace(node + std::string(kRanks), static_cast<std::int64_t>(account.ranks));
  }
  return line;
}

RowAccounts accounts_of(const JournalLine& line) {
  RowAccounts accounts;
  for (const auto& [name, value] : line.values) {
    if (!name.ends_with(kSum)) continue;
    const std::string node = name.substr(0, name.size() - kSum.size());
    const auto* const text = std::get_if<std::string>(&value);
    const auto sum = text == nullptr ? std::nullopt : parse_row_sum(*text);
    const auto* const rows = value_of<std::int64_t>(line, node + std::string(kRows));
    const auto* const ranks = value_of<std::int64_t>(line, node + std::string(kRanks));
    if (sum && rows != nullptr)
      accounts[node] = {static_cast<std::uint32_t>(line.position.epoch), *rows, *sum,
                        ranks == nullptr ? 1 : static_cast<int>(*ranks)};
  }
  return accounts;
}

}  // namespace millrace::pipelines
