// A file comes first: a run may be called as it is, but what was there before runs could be named stays what it was.
#include "initial_run.hpp"

#include "command/keeping/runs_option.hpp"
#include "record/checkpoints/best_checkpoint.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/environment/environment.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"
#include "record/runs/run_status.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kParam = "init_from";
constexpr const char* kEnding = ".safetensors";

bool names_a_file(const std::string& text) {
  std::error_code ignored;
  return text.ends_with(kEnding) || fs::is_regular_file(text, ignored);
}

std::optional<KeptCheckpoint> weights_of(const std::string& folder) {
  const PastRun past = read_past_run((fs::path(folder) / run_parts::kMetrics).string());
  const std::vector<KeptCheckpoint> stored = stored_checkpoints(past, folder);
  if (stored.empty()) return std::nullopt;
  if (past.restored && stored.front().path == past.restored->path) return stored.front();
  const Monitor monitor = kept_monitor(folder);
  return monitor.metric.empty() ? stored.front() : best_checkpoints(past, folder, monitor).front();
}

std::string file_of(const std::string& run, const std::string& runs) {
  const std::string folder = find_run(run, runs);
  const std::optional<KeptCheckpoint> kept = weights_of(folder);
  if (!kept)
    throw Error(ErrorKind::data, "no-checkpoint", fmt::format("run {} has no checkpoint", folder),
                "it writes one at the end of each epoch: go on with it by `pipeline-run resume`");
  return fs::absolute(fs::path(folder) / kept->path).lexically_normal().string();
}

/// As YAML has a text that is to be taken as it is.
std::string quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char letter : text) quoted += letter == '\'' ? std::string("''") : std::string(1, letter);
  return quoted + "'";
}

}  // namespace

std::vector<Override> initial_run_files(const GraphSpec& spec, const std::string& runs, Diagnostics& diagnostics) {
  std::vector<Override> files;
  for (const NodeSpec& node : spec.nodes) {
    const DocMember* const value = node.with.is_map() ? node.with.find(kParam) : nullptr;
    if (value == nullptr || !value->value.is_scalar() || names_a_file(value->value.text)) continue;
    const std::string& run = value->value.text;
    try {
      const std::string file = file_of(run, runs.empty() ? RunsFolder().runs_folder() : runs);
      files.push_back({fmt::format("{}.{}={}", node.name, kParam, quoted(file)), fmt::format("run {}", run)});
    } catch (const Error& error) {
      Diagnostic told{error.problem(), value->value.where};
      told.kind = error.kind() == ErrorKind::usage ? ErrorKind::config : error.kind();
      told.message = fmt::format("`{}` of node `{}` names no file, and {}", kParam, node.name, error.message());
      diagnostics.add(std::move(told));
    }
  }
  return files;
}

}  // namespace millrace::pipelines
