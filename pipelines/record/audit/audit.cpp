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

// Of a trainer that leaves out steps, or goes back; see stages/training/recovery.cpp.
constexpr const char *kSkipped = "skipped_steps", *kRollbacks = "rollbacks";

/// What the journal says of an epoch.
struct ToldEpoch {
  bool has_ended = false;
  RowAccounts accounts;
  JournalLine line;  ///< with which it has ended
};
using ByEpoch = std::map<std::uint32_t, ToldEpoch>;

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

void look_at(std::uint32_t epoch, const ToldEpoch& told, AuditedNode& node) {
  ++node.epochs;
  if (!told.has_ended) return node.faults.push_back({epoch, "the journal does not say that it has ended", {}, {}});
  const auto used = told.accounts.find(node.node);
  if (used == told.accounts.end())
    return node.faults.push_back(
        {epoch, fmt::format("the journal does not say which rows `{}` took", node.node), {}, {}});
  node.ranks = std::max(node.ranks, used->second.ranks);
  const RowAccount declared = declared_account(epoch, node.declared.range);
  if (declared.rows != used->second.rows || declared.sum != used->second.sum)
    node.faults.push_back(fault_of(node, declared, used->second));
}

std::uint64_t count_in(const JournalLine& line, const std::string& name) {
  return static_cast<std::uint64_t>(std::max(line.number(name).value_or(0), 0.0));
}

void look_at_steps(const ValidatedGraph& graph, std::uint32_t epoch, const JournalLine& line, AuditedNode& node) {
  for (const ReportedPort& port : graph.reported) {
    if (port.node != node.node) continue;
    const LeftOutSteps steps{epoch, count_in(line, port.prefix + kSkipped), count_in(line, port.prefix + kRollbacks)};
    if (steps.skipped + steps.rollbacks > 0) node.left_out.push_back(steps);
  }
}

AuditedNode audit_node(const ValidatedGraph& graph, const ValidatedNode& valid, const Audit& audit,
                       const ByEpoch& told) {
  AuditedNode node{valid.name, valid.info->name, declared_rows(graph, valid), 0, 1, {}, {}};
  if (!node.declared.unknown.empty()) return node;
  for (std::uint32_t epoch = audit.inherited + 1; epoch <= audit.inherited + audit.epochs; ++epoch) {
    const auto found = told.find(epoch);
    look_at(epoch, found == told.end() ? ToldEpoch() : found->second, node);
    if (found != told.end()) look_at_steps(graph, epoch, found->second.line, node);
  }
  return node;
}

ByEpoch told_by(const std::vector<JournalLine>& lines) {
  ByEpoch told;
  for (const JournalLine& line : lines) {
    if (line.kind != kRowsLine && (line.kind != kEpochs || line.position.epoch == 0)) continue;
    ToldEpoch& epoch = told[static_cast<std::uint32_t>(line.position.epoch)];
    if (line.kind == kRowsLine) epoch.accounts = accounts_of(line);
    if (line.kind != kEpochs) continue;
    epoch.has_ended = true;
    epoch.line = line;
  }
  return told;
}

// Behind its last line of an epoch a journal may have the rows of one that has not ended.
std::uint32_t last_ended(const ByEpoch& told) {
  std::uint32_t last = 0;
  for (const auto& [epoch, what] : told)
    if (what.has_ended) last = epoch;
  return last;
}

}  // namespace

bool Audit::has_passed() const {
  return counts() && std::all_of(nodes.begin(), nodes.end(), [](const AuditedNode& node) {
           return node.faults.empty() && node.declared.unknown.empty();
         });
}

Audit audit_of(const ValidatedGraph& graph, const std::vector<JournalLine>& lines, const TrainedEpochs& trained) {
  const ByEpoch told = told_by(lines);
  const std::uint32_t last = std::max(trained.last, last_ended(told));
  Audit audit;
  audit.inherited = std::min(trained.inherited, last);
  audit.epochs = last - audit.inherited;
  audit.planned = trained.planned;
  for (const ValidatedNode& node : graph.nodes)
    if (has_row_account(graph, node)) audit.nodes.push_back(audit_node(graph, node, audit, told));
  return audit;
}

}  // namespace millrace::pipelines
