// `pipeline-run runs`: the runs that are kept, and which of them to remove.
#include "command/keeping/runs_option.hpp"
#include "command/options/verb.hpp"
#include "command/pages/runs_page.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/quantity_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "record/runs/run_lookup.hpp"
#include "record/runs/run_removal.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

constexpr const char* kRemove = "rm";
constexpr const char* kPrune = "prune";

struct RunsOptions : VerbOptions, RunsFolder {
  Words words;             ///< what to do, then the names of runs; empty: list them
  std::int64_t keep = -1;  ///< negative: not given
  bool dry_run = false;

  bool does(const char* what) const { return !words.empty() && words.front() == what; }
};

std::vector<RunStatus> statuses_of(const Words& folders) {
  std::vector<RunStatus> all;
  for (const std::string& folder : folders) all.push_back(status_of(folder));
  return all;
}

int list(const RunsOptions& options) {
  const std::string folder = options.runs_folder();
  const std::vector<RunStatus> runs = statuses_of(runs_in(folder));
  const auto now = std::chrono::system_clock::now();
  if (options.json) {
    Json object = {{"schema", 1}, {"folder", folder}, {"runs", Json::array()}};
    for (const RunStatus& run : runs) object["runs"].push_back(run_object(run, now));
    write_result(json_line(object));
  } else {
    answer(runs.empty() ? fmt::format("no runs in {}\n", folder) : runs_table(runs, now));
  }
  for (const RunStatus& run : runs)
    for (const std::string& damage : run.damages)
      write_note(fmt::format("warning[journal-damaged]: {}\n", printable_line(damage)));
  return 0;
}

struct RemovedRun {
  RunStatus run;
  Words foreign = {};  ///< names of what lies in its folder and is no part of it
};

// One that a process has begun to work on meanwhile stays where it was not named.
std::optional<RemovedRun> remove_one(const RunStatus& run, const RunsOptions& options) try {
  return RemovedRun{run, options.dry_run ? foreign_in_run(run.folder) : remove_run(run.folder)};
} catch (const Error& error) {
  if (error.name() != "run-in-use" || options.does(kRemove)) throw;
  return std::nullopt;
}

void tell(const RemovedRun& gone, const RunsOptions& options) {
  answer(fmt::format("{} {} ({})\n", options.dry_run ? "would remove" : "removed", gone.run.folder,
                     bytes_text(static_cast<double>(gone.run.bytes))));
  for (const std::string& name : gone.foreign)
    answer(fmt::format("{} {}/{}, which is no part of a run\n", options.dry_run ? "would keep" : "kept",
                       gone.run.folder, shown(name)));
}

// Each is told when it is gone, so that nobody wonders what a failure has left. Returns those that are.
std::vector<RemovedRun> remove_each(const std::vector<RunStatus>& runs, const RunsOptions& options) {
  std::vector<RemovedRun> all;
  for (const RunStatus& run : runs) {
    const std::optional<RemovedRun> gone = remove_one(run, options);
    if (!gone) continue;
    all.push_back(*gone);
    if (!options.json) tell(*gone, options);
  }
  return all;
}

int remove(const std::vector<RunStatus>& runs, const RunsOptions& options) {
  const std::vector<RemovedRun> all = remove_each(runs, options);
  if (!options.json) return 0;
  Json object = {{"schema", 1}, {"dry_run", options.dry_run}, {"removed", Json::array()}};
  for (const auto& [run, foreign] : all)
    object["removed"].push_back({{"name", run.name}, {"run", run.folder}, {"bytes", run.bytes}, {"foreign", foreign}});
  write_result(json_line(object));
  return 0;
}

// A name that is wrong keeps all of them, for it may have been meant for another.
int remove_named(const RunsOptions& options) {
  Words folders;
  for (auto word = options.words.begin() + 1; word != options.words.end(); ++word) {
    const std::string folder = find_run(*word, options.runs_folder());
    if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
  }
  return remove(statuses_of(folders), options);
}

// What has not said yet when it was started is being made, or never was whole: it is none of the newest.
int prune(const RunsOptions& options) {
  std::vector<RunStatus> runs = statuses_of(runs_in(options.runs_folder()));
  std::erase_if(runs, [](const RunStatus& run) { return !run.started; });
  runs.erase(runs.begin(), runs.begin() + std::min<std::int64_t>(options.keep, static_cast<std::int64_t>(runs.size())));
  std::erase_if(runs, [](const RunStatus& run) { return run.state == RunState::running; });
  if (runs.empty() && !options.json) answer("nothing to remove\n");
  return remove(runs, options);
}

int act_runs(const RunsOptions& options) {
  if (options.does(kRemove)) return remove_named(options);
  return options.does(kPrune) ? prune(options) : list(options);
}

void take_word(VerbOptions& options, const std::string& word) {
  Words& words = dynamic_cast<RunsOptions&>(options).words;
  if (words.empty() && word != kRemove && word != kPrune)
    throw Error(ErrorKind::usage, "wrong-arguments", fmt::format("`{}` is nothing that is done with runs", shown(word)),
                did_you_mean(word, {kRemove, kPrune}, "words"));
  words.push_back(word);
}

std::string conflict(const RunsOptions& options) {
  if (options.does(kRemove) && options.words.size() == 1) return "rm takes the names of runs";
  if (options.does(kPrune) && options.words.size() > 1) return "prune takes no names of runs";
  if (options.does(kPrune) && options.keep < 0) return "prune takes --keep N, how many runs stay";
  return options.keep >= 0 && !options.does(kPrune) ? "--keep belongs to `runs prune`" : "";
}

Words next_words(const TypedWords& typed) {
  if (typed.target.empty()) return {kRemove, kPrune};
  return typed.target == kRemove ? run_names(typed) : Words{};
}

const RegisteredVerb kRuns({.name = "runs",
                            .group = VerbGroup::run,
                            .summary = "the runs that are kept, and which of them to remove",
                            .target = {.name = "WORD",
                                       .usage = "rm RUN...|prune",
                                       .help = "rm removes the runs that are named, prune all but the newest",
                                       .example = kPrune,
                                       .takes_several = true,
                                       .store = take_word,
                                       .candidates = next_words},
                            .options = {json_option(),
                                        runs_option(),
                                        {.name = "keep",
                                         .kind = ValueKind::count,
                                         .placeholder = "N",
                                         .help = "How many runs prune keeps; one that is running stays in any case",
                                         .example = "5",
                                         .range = {.of = "runs"},
                                         .store = into(&RunsOptions::keep)},
                                        {.name = "dry-run",
                                         .help = "Say what would be removed, and remove nothing",
                                         .store = into(&RunsOptions::dry_run)}},
                            .examples = {"pipeline-run runs", "pipeline-run runs prune --keep 5 --dry-run"},
                            .only_looks = false,
                            .conflict = on_own(conflict)},
                           act_runs);

}  // namespace
}  // namespace millrace::pipelines
