// What is declared is computed anew from the graph, and never taken from the journal.
#include "audit.hpp"

#include "row_lines.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace millrace::pipelines {
namespace {

constexpr const char* kEpochs = "epoch";

using ByEpoch = std::map<std::uint32_t, RowAccounts>;

std::string rows_text(const char* what, const std::vector<std::int64_t>& rows) {
  return fmt::format("row{} {} {}", rows.size() == 1 ? "" : "s", fmt::join(rows, " and "), what);
}

std::string sentence_of(const AuditedNode& node, const RowAccount& used, const RowDifference& difference) {
  std::vector<std::string> rows;
  if (!difference.missing.empty())
    rows.push_back(rows_text(difference.missing.size() > 1 ? "are missing" : "is missing", difference.missing));
  if (!difference.doubled.empty()) rows.push_back(rows_text("came once more", difference.doubled));
  if (rows.empty()) rows.emplace_back("which ones differ cannot be told");
  return fmt::format("`{}` took {}, `{}` has {}: {}", node.node, counted(used.rows, "row"), node.declared.source,
                     counted(node.declared.range.count(), "row"), fmt::join(rows, ", "));
}

AuditFault fault_of(const AuditedNode& node, const RowAccount& declared, const RowAccount& used) {
  RowDifference difference = difference_of(declared, used, node.declared.range);
  return {declared.epoch, sentence_of(node, used, difference), std::move(difference.missing),
          std::move(difference.doubled)};
}

void look_at(std::uint32_t epoch, const RowAccounts& accounts, AuditedNode& node) {
  ++node.epochs;
  const auto used = accounts.find(node.node);
  if (used == accounts.end())
    return node.faults.push_back(
        {epoch, fmt::format("the journal does not say which rows `{}` took", node.node), {}, {}});
  node.ranks = std::max(node.ranks, used->second.ranks);
  const RowAccount declared = declared_account(epoch, node.declared.range);
  if (declared.rows != used->second.rows || declared.sum != used->second.sum)
    node.faults.push_back(fault_of(node, declared, used->second));
}

AuditedNode audit_node(const ValidatedGraph& graph, const ValidatedNode& valid,
                       const std::vector<std::uint32_t>& epochs, const ByEpoch& accounts) {
  AuditedNode node{valid.name, valid.info->name, declared_rows(graph, valid), 0, 1, {}};
  if (!node.declared.unknown.empty()) return node;
  for (const std::uint32_t epoch : epochs) {
    const auto found = accounts.find(epoch);
    look_at(epoch, found == accounts.end() ? RowAccounts() : found->second, node);
  }
  return node;
}

}  // namespace

bool Audit::has_passed() const {
  return std::all_of(nodes.begin(), nodes.end(),
                     [](const AuditedNode& node) { return node.faults.empty() && node.declared.unknown.empty(); });
}

Audit audit_of(const ValidatedGraph& graph, const std::vector<JournalLine>& lines) {
  Audit audit;
  ByEpoch accounts;
  std::vector<std::uint32_t> epochs;
  for (const JournalLine& line : lines) {
    const auto epoch = static_cast<std::uint32_t>(line.position.epoch);
    if (line.kind == kRowsLine) accounts[epoch] = accounts_of(line);
    if (line.kind != kEpochs || epoch == 0) continue;
    if (line.attempt == 0)
      ++audit.inherited;  // a child has the epochs of its parent as of no attempt of its own
    else
      epochs.push_back(epoch);
  }
  audit.epochs = static_cast<std::uint32_t>(epochs.size());
  for (const ValidatedNode& node : graph.nodes)
    if (has_row_account(graph, node)) audit.nodes.push_back(audit_node(graph, node, epochs, accounts));
  return audit;
}

}  // namespace millrace::pipelines
