// `pipeline-run audit RUN`: whether each epoch used each row exactly once, by the accounts in the run's journal.
#include "record/audit/audit.hpp"
#include "command/keeping/run_target.hpp"
#include "command/loading/checked_config.hpp"
#include "command/loading/training_graph.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "command/training/resumed_run.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostFaults = 10;

struct AuditOptions : ConfigOptions, RunsFolder {
  std::string run;
};

Audit audit_in(const std::string& folder, const ValidatedGraph& graph) {
  const std::string journal = (fs::path(folder) / run_parts::kMetrics).string();
  std::vector<JournalLine> lines;
  const JournalExtent read = read_journal(journal, [&](const JournalLine& line) { lines.push_back(line); });
  Audit audit = audit_of(graph, lines, trained_epochs(folder));
  if (const auto damage = journal_damage(journal, read)) audit.damage = damage_text(journal, *damage);
  return audit;
}

std::string text_of(const LeftOutSteps& steps) {
  return steps.skipped > 0
             ? fmt::format("epoch {}: {} left out, being not finite (on_nan: skip)", steps.epoch,
                           steps.skipped == 1 ? "1 step was" : fmt::format("{} steps were", steps.skipped))
             : fmt::format("epoch {}: went back {}, which undid what it had taken of that epoch (on_nan: rollback)",
                           steps.epoch, steps.rollbacks == 1 ? "once" : fmt::format("{} times", steps.rollbacks));
}

// What a trainer was handed once and has not trained must not be taken for trained.
std::string left_out_text(const AuditedNode& node) {
  std::string text;
  for (std::size_t i = 0; i < node.left_out.size() && i < kMostFaults; ++i)
    text += fmt::format("    {}\n", text_of(node.left_out[i]));
  if (node.left_out.size() > kMostFaults)
    text += fmt::format("    and {} more epochs\n", node.left_out.size() - kMostFaults);
  return text;
}

std::string passed_text(const AuditedNode& node) {
  const std::string rows = fmt::format("{} of `{}` ({} to {})", counted(node.declared.range.count(), "row"),
                                       node.declared.source, node.declared.range.first, node.declared.range.end - 1);
  const std::string epochs =
      counted(node.epochs, "epoch") + (node.ranks > 1 ? fmt::format(", over {} processes", node.ranks) : "");
  if (node.left_out.empty())
    return fmt::format("  {} ({}): {}, each exactly once in each of {}\n", node.node, node.stage, rows, epochs);
  return fmt::format("  {} ({}): {}, each handed over exactly once in each of {}, and not all of them trained:\n{}",
                     node.node, node.stage, rows, epochs, left_out_text(node));
}

std::string text_of(const Audit& audit) {
  std::string text;
  for (const AuditedNode& node : audit.nodes)
    if (audit.counts() && node.faults.empty() && node.declared.unknown.empty()) text += passed_text(node);
  if (audit.inherited > 0)
    text += fmt::format("  {} of the parent are audited there\n", counted(audit.inherited, "epoch"));
  return text;
}

void add_notes(const AuditedNode& node, Error& error) {
  if (!node.declared.unknown.empty()) error.add_note(fmt::format("`{}`: {}", node.node, node.declared.unknown));
  for (std::size_t i = 0; i < node.faults.size() && i < kMostFaults; ++i)
    error.add_note(fmt::format("epoch {}: {}", node.faults[i].epoch, node.faults[i].sentence));
  if (node.faults.size() > kMostFaults)
    error.add_note(fmt::format("and {} more epochs", node.faults.size() - kMostFaults));
  if (!node.faults.empty() && !node.declared.between.empty())
    error.add_note(fmt::format("on the way to `{}` stands {}, which may drop rows or send some again", node.node,
                               fmt::join(node.declared.between, " and ")));
}

Error bare_failure_of(const Audit& audit, const std::string& folder) {
  if (!audit.changed.empty())
    return {ErrorKind::data, "audit-failed",
            fmt::format("run `{}` cannot be held against its config and data, which are not what they were", folder),
            "put back what has changed since the run was trained, then audit it again"};
  if (!audit.damage.empty())
    return {ErrorKind::data, "audit-failed", fmt::format("the journal of run `{}` has lost lines", folder),
            "put it back from a copy, then audit the run again"};
  return {ErrorKind::data, "audit-failed",
          fmt::format("run `{}` did not use each row exactly once in each epoch, or does not say so", folder),
          "weights that come of it are not those of its config: look at the stage that drops or repeats rows"};
}

Error failure_of(const Audit& audit, const std::string& folder) {
  Error error = bare_failure_of(audit, folder);
  for (const std::string& sentence : audit.changed) error.add_note(sentence);
  if (!audit.damage.empty()) error.add_note(audit.damage);
  if (audit.proves_nothing())
    error.add_note(fmt::format("no epoch of {} has ended, so there is nothing to look at", audit.planned));
  for (const AuditedNode& node : audit.nodes) add_notes(node, error);
  return error;
}

Json json_of(const AuditedNode& node) {
  Json object = {{"node", node.node},
                 {"stage", node.stage},
                 {"source", node.declared.source},
                 {"first_row", node.declared.range.first},
                 {"rows", node.declared.range.count()},
                 {"epochs", node.epochs},
                 {"ranks", node.ranks},
                 {"faults", Json::array()},
                 {"left_out", Json::array()}};
  if (!node.declared.unknown.empty()) object["unknown"] = node.declared.unknown;
  for (const AuditFault& fault : node.faults)
    object["faults"].push_back(
        {{"epoch", fault.epoch}, {"message", fault.sentence}, {"missing", fault.missing}, {"doubled", fault.doubled}});
  for (const LeftOutSteps& steps : node.left_out)
    object["left_out"].push_back(
        {{"epoch", steps.epoch}, {"skipped_steps", steps.skipped}, {"rollbacks", steps.rollbacks}});
  return object;
}

Json json_of(const Audit& audit, const std::string& folder) {
  Json object = {{"schema", 1},
                 {"run", folder},
                 {"passed", audit.has_passed()},
                 {"epochs", audit.epochs},
                 {"inherited_epochs", audit.inherited},
                 {"nodes", Json::array()}};
  if (!audit.damage.empty()) object["damaged"] = audit.damage;
  if (!audit.changed.empty()) object["changed"] = audit.changed;
  for (const AuditedNode& node : audit.nodes) object["nodes"].push_back(json_of(node));
  return object;
}

int act_audit(const AuditOptions& given) {
  AuditOptions options = given;
  options.run = fs::absolute(find_run(given.run, given.runs_folder())).string();
  options.config = (fs::path(options.run) / run_parts::kConfig).string();
  enter_folder_of(options.run);
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  leave_test_out(*checked, nullptr);
  Audit audit = audit_in(options.run, checked->graph);
  audit.changed = changed_since(*checked, options.run);
  const Error failure = failure_of(audit, options.run);
  if (options.json)
    write_result(json_line(json_of(audit, options.run)));
  else
    answer(text_of(audit));
  if (audit.has_passed()) return 0;
  Diagnostics told;
  told.add({failure.problem()});
  tell_warnings(told, options);
  return failure.exit_code();
}

const RegisteredVerb kAudit({.name = "audit",
                             .group = VerbGroup::run,
                             .summary = "prove from its log that each epoch of a run used each row exactly once",
                             .target = run_target(into(&AuditOptions::run)),
                             .options = {json_option(), runs_option()},
                             .examples = {"pipeline-run audit last"},
                             .only_looks = false},
                            act_audit);

}  // namespace
}  // namespace millrace::pipelines
