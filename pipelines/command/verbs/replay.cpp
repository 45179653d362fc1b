// `pipeline-run replay CAPSULE`: a call that has thrown in a run, once more, alone and on one thread.
#include "command/keeping/runs_option.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/config_options.hpp"
#include "command/loading/plugin_loading.hpp"
#include "command/replaying/capsule_slice.hpp"
#include "command/replaying/recorded_source.hpp"
#include "command/slices/slice_run.hpp"
#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "record/capsules/capsule_files.hpp"
#include "record/capsules/capsule_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

struct ReplayOptions : PluginOptions, RunsFolder {
  std::string word;
};

bool is_capsule(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kCapsuleFile, ignored);
}

/// The folder of the capsule that the word names, from the root: itself, or the only one of the run's newest attempt.
std::string capsule_of(const ReplayOptions& options) {
  if (is_capsule(options.word)) return fs::absolute(options.word).lexically_normal().string();
  const fs::path run = find_run(options.word, options.runs_folder());
  std::vector<std::string> found;
  std::error_code failed;
  for (fs::directory_iterator entry(run / run_parts::kCurrent / "capsules", failed), end; !failed && entry != end;
       entry.increment(failed))
    if (is_capsule(entry->path())) found.push_back(fs::absolute(entry->path()).string());
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return found.front();
  if (found.empty())
    throw Error(ErrorKind::usage, "no-capsule", fmt::format("run `{}` has no capsule", printable_line(run.string())),
                "one is written where a call of a stage throws in a run that is kept");
  Error error(ErrorKind::usage, "several-capsules",
              fmt::format("run `{}` has {} capsules", printable_line(run.string()), found.size()),
              "name the folder of one");
  for (const std::string& path : found) error.add_note(path);
  throw error;
}

/// The plugin of the run, unless another is given for it.
std::vector<std::string> plugins_of(const Capsule& capsule, const ReplayOptions& options) {
  if (!options.plugins.empty() || !capsule.plugin) return options.plugins;
  return {capsule.plugin->file};
}

void tell_other_plugin(const Capsule& capsule, const ValidatedGraph& graph) {
  if (!capsule.plugin) return;
  for (const UsedPlugin& plugin : used_plugins(graph))
    if (plugin.sha256 != capsule.plugin->sha256)
      write_note(fmt::format("plugin `{}` is not the one of the run: its SHA-256 is {}, it was {}\n",
                             printable_line(plugin.file), plugin.sha256, capsule.plugin->sha256));
}

std::string place_text(const Capsule& capsule) {
  if (capsule.call == "open") return "when it was opened";
  return capsule.at.batch > 0 ? fmt::format("in epoch {}, batch {}", capsule.at.epoch, capsule.at.batch)
                              : fmt::format("in epoch {}, packet {}", capsule.at.epoch, capsule.at.packet);
}

/// Whether the state is that of just before the call.
bool is_exact(const NodeState& state, const Capsule& capsule) {
  const StatePosition& at = state.position;
  if (at.is_epoch_end)
    return at.epoch + 1 == capsule.at.epoch && !capsule.inputs.empty() && capsule.inputs.front().first_row == 0;
  return at.epoch == capsule.at.epoch && !capsule.inputs.empty() && capsule.inputs.front().first_row == at.row;
}

/// Whether the stage had come to a state by then, for which nothing was saved.
bool lacks_state(const Capsule& capsule, const ValidatedGraph& slice) {
  return capsule.at.packet > 0 && std::any_of(slice.nodes.begin(), slice.nodes.end(), [&](const ValidatedNode& node) {
           return node.name == capsule.node && node.info->spec.state() != StateKind::stateless;
         });
}

std::string state_text(const Capsule& capsule, const std::optional<NodeState>& state, const ValidatedGraph& slice) {
  if (!state)
    return lacks_state(capsule, slice)
               ? "without the state that it had in the run: no checkpoint was there to take it from"
               : "";
  const std::string where = state->position.is_epoch_end ? fmt::format("behind epoch {}", state->position.epoch)
                                                         : fmt::format("behind batch {} of epoch {}",
                                                                       state->position.batch, state->position.epoch);
  return is_exact(*state, capsule) ? fmt::format("with its state of just before, {}", where)
                                   : fmt::format("with its last saved state, {}: what it took since is missing", where);
}

/// The failure of the recorded call; null where that has not failed. What is sent behind it was not in the run.
const RunFailure* failure_of_call(const RunReport& report, const Capsule& capsule) {
  const bool is_source = capsule.call == "produce";
  const auto own = std::find_if(report.failures.begin(), report.failures.end(), [&](const RunFailure& failure) {
    return failure.node == capsule.node && (is_source || failure.packet == 0);
  });
  return own == report.failures.end() ? nullptr : &*own;
}

[[noreturn]] void differs(const Capsule& capsule, const std::string& seen, const std::string& state) {
  Error error(ErrorKind::run, "replay-differs",
              fmt::format("{}; in the run node `{}` has thrown error[{}] {}", seen, capsule.node, capsule.error.name,
                          place_text(capsule)),
              "it depends on something else than its parameters and this packet: what it keeps, other threads, time, "
              "or memory that is not its own");
  error.add_note("the run said: " + capsule.error.message);
  if (!state.empty()) error.add_note("here the stage began " + state);
  throw error;
}

int tell(const RunReport& report, const Capsule& capsule, const std::string& state, const ReplayOptions& options) {
  const bool is_lost = std::any_of(report.failures.begin(), report.failures.end(),
                                   [](const RunFailure& failure) { return failure.node == kRecorded; });
  if (is_lost) {
    tell_run(report, options);
    return report.exit_code;
  }
  const RunFailure* const failure = failure_of_call(report, capsule);
  if (failure == nullptr && report.exit_code > 128) return report.exit_code;
  if (failure == nullptr) differs(capsule, "the call has not failed", state);
  if (failure->name != capsule.error.name)
    differs(capsule, fmt::format("the call has failed with error[{}]: {}", failure->name, failure->message), state);
  RunReport same = report;
  same.failures = {*failure};
  RunFailure& told = same.failures.front();  // at the place that the run has told, not at that in the slice
  told.epoch = capsule.at.epoch;
  told.packet = capsule.at.packet;
  told.batch = capsule.at.batch;
  tell_run(same, options);
  write_note(
      fmt::format("{} as in the run, {}{}{}\n",
                  failure->message == capsule.error.message ? "the same error" : "the same error, with other words,",
                  place_text(capsule), state.empty() ? "" : "; ", state));
  return static_cast<int>(failure->kind);
}

int act_replay(const ReplayOptions& options) {
  const std::string folder = capsule_of(options);
  const Capsule capsule = read_capsule(folder);
  StageRegistry registry;
  Diagnostics diagnostics;
  load_plugins(plugins_of(capsule, options), registry, warning_trial(diagnostics));
  std::error_code ignored;
  fs::current_path(capsule.folder, ignored);
  ValidatedGraph slice = capsule_slice(capsule, folder, registry, diagnostics);
  if (!tell_checked(diagnostics, options)) return diagnostics.exit_code();
  tell_other_plugin(capsule, slice);
  std::optional<NodeState> state = read_capsule_state(folder, capsule.node);
  const std::string text = state_text(capsule, state, slice);
  SliceRun with{{}, {}, nullptr, true};
  if (state) with.loaded.push_back(std::move(*state));
  return tell(run_slice(slice, std::move(with), options), capsule, text, options);
}

std::vector<std::string> words_to_offer(const TypedWords& typed) {
  std::vector<std::string> words = run_names(typed);
  words.emplace_back(kFileCandidates);
  return words;
}

const RegisteredVerb kReplay({.name = "replay",
                              .group = VerbGroup::run,
                              .summary = "a call that has thrown in a run, once more and alone",
                              .target = {.name = "CAPSULE",
                                         .help = "A capsule's folder, as the run names it, or a run with one",
                                         .example = "runs/seen-1/attempts/1/capsules/crop-1-7",
                                         .missing = "no capsule given",
                                         .store = into(&ReplayOptions::word),
                                         .candidates = words_to_offer},
                              .options = {json_option(), plugin_option(), runs_option()},
                              .examples = {},
                              .only_looks = false},
                             act_replay);

}  // namespace
}  // namespace millrace::pipelines
