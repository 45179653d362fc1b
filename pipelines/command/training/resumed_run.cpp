// Compared is what the environment of the attempt before says: what a run's bits depend on, and nothing else.
#include "resumed_run.hpp"

#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "process/process_info.hpp"
#include "record/checkpoints/kept_nodes.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/environment/environment.hpp"
#include "record/environment/run_info_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/folder/small_file.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string below(const std::string& folder, const char* part) { return (fs::path(folder) / part).string(); }

/// The environment of the attempt that counts. Throws Error("run-unreadable", data).
Json environment_of(const std::string& folder) {
  const std::string path = below(folder, run_parts::kEnvironment);
  Json object = Json::parse(content_of(path), nullptr, false);
  if (object.is_object()) return object;
  throw Error(ErrorKind::data, "run-unreadable", fmt::format("`{}` cannot be read as what a run has written", path),
              "start another run with its config.yaml");
}

std::string text_of(const Json& object, const char* key) {
  const auto value = object.find(key);
  return value != object.end() && value->is_string() ? value->get<std::string>() : std::string();
}

/// Of each plugin or source what decides bits, by name.
Json identity_of(const Json& object, const char* key) {
  Json identity = Json::object();
  const auto list = object.find(key);
  if (list == object.end()) return identity;
  for (const auto& [name, value] : list->items()) {
    const std::string own = text_of(value, "name"), called = own.empty() ? name : own;
    for (const char* part : {"rows", "sha256"})
      if (value.contains(part)) identity[called][part] = value[part];
  }
  return identity;
}

void add_differences(const std::string& what, const Json& before, const Json& now, std::vector<std::string>& found) {
  for (const auto& [name, value] : before.items())
    if (!now.contains(name))
      found.push_back(fmt::format("{} `{}` is not there any more", what, name));
    else if (now[name] != value)
      found.push_back(fmt::format("{} `{}` is {}, it was {}", what, name, now[name].dump(), value.dump()));
  for (const auto& [name, value] : now.items())
    if (!before.contains(name)) found.push_back(fmt::format("{} `{}` is new", what, name));
}

void add_difference(const char* what, const std::string& before, const std::string& now,
                    std::vector<std::string>& found) {
  if (before != now) found.push_back(fmt::format("the {} is {}, it was {}", what, now, before));
}

Json json_now(const RunInfo& info) {
  Json now = {{"plugins", Json::array()}, {"data", Json::object()}};
  for (const UsedPlugin& plugin : info.plugins) now["plugins"].push_back(json_of(plugin));
  for (const DataInfo& source : info.data) now["data"][source.node] = json_of(source);
  return now;
}

std::vector<std::string> differences(const Json& before, const ValidatedGraph& graph, const RunInfo& info) {
  std::vector<std::string> found;
  const Json now = json_now(info);
  add_difference("config's hash", text_of(before, "config_hash"), graph.config_hash, found);
  add_difference("class of bits", text_of(before, "bits_class"), info.bits_class, found);
  for (const char* key : {"plugins", "data"})
    add_differences(key == std::string("data") ? "data of" : "plugin", identity_of(before, key), identity_of(now, key),
                    found);
  return found;
}

void require_same(const std::string& folder, const Json& before, const ValidatedGraph& graph, const RunInfo& info) {
  std::vector<std::string> found = differences(before, graph, info);
  if (found.empty()) return;
  Error error(ErrorKind::config, "resume-differs",
              fmt::format("run `{}` would not come to the same bits: something is not as it was", folder),
              "put it back as it was, or start another run");
  for (std::string& difference : found) error.add_note(std::move(difference));
  throw error;
}

void require_savable(const std::string& folder, const ValidatedGraph& graph) {
  const std::vector<std::string> names = volatile_nodes(graph);
  if (names.empty()) return;
  throw Error(
      ErrorKind::config, "resume-volatile",
      fmt::format("run `{}` cannot go on: node `{}` keeps a state that its stage cannot save", folder, names.front()),
      "start another run");
}

std::string place_text(const Resumption& from) {
  if (from.states.empty()) return "from its beginning: it has no checkpoint that can be used";
  const CheckpointPosition& at = from.checkpoints.back().position;
  return at.is_epoch_complete ? fmt::format("behind epoch {}", at.epoch)
                              : fmt::format("behind batch {} of epoch {}", at.batch, at.epoch);
}

void tell_place(const Resumption& from) {
  for (const std::string& refused : from.refused) write_note(fmt::format("not used: {}\n", printable_line(refused)));
  write_note(fmt::format("goes on {}\n", place_text(from)));
}

void write_lines(const RunFolder& attempt, const Resumption& from) {
  Journal journal(attempt.metrics_path());
  for (const JournalLine& line : from.lines) journal.append(line);
  journal.sync();
}

std::unique_ptr<KeptRun> begin_attempt(const CheckedConfig& checked, const RunInfo& info, const std::string& folder,
                                       const Resumption& from) {
  const RunStart start{below(folder, run_parts::kConfig), command_line(), std::chrono::system_clock::now()};
  return std::make_unique<KeptRun>(RunFolder::open(folder, environment_json(checked.graph, info, start),
                                                   [&](const RunFolder& attempt) { write_lines(attempt, from); }),
                                   checked.graph, checkpoint_policy(checked.spec.keep), from);
}

}  // namespace

std::string summary_of_finished(const std::string& folder) { return content_of(below(folder, run_parts::kSummary)); }

void enter_folder_of(const std::string& folder) {
  std::error_code ignored;
  const std::string before = text_of(environment_of(folder), "folder");
  if (!before.empty()) fs::current_path(before, ignored);
}

TrainingStart resume_run(CheckedConfig& checked, const RunInfo& info, const std::string& folder, bool quiet) {
  require_same(folder, environment_of(folder), checked.graph, info);
  require_savable(folder, checked.graph);
  const Resumption from = resumption_of(read_past_run(below(folder, run_parts::kMetrics)), folder, checked.graph);
  TrainingStart start;
  if (checked.graph.ranks.rank == 0) {
    start.kept = begin_attempt(checked, info, folder, from);
    if (!quiet) tell_place(from);
  }
  checked.graph.first_epoch = from.first_epoch;
  start.loaded = from.states;
  start.earlier_epochs = from.epochs;
  return start;
}

}  // namespace millrace::pipelines
