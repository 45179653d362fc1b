// One default for all, so that a run is found where it was made.
#include "runs_option.hpp"

#include "record/runs/run_lookup.hpp"

#include <millrace/detail/environment.hpp>

#include <filesystem>

namespace millrace::pipelines {
namespace {

std::string chosen(const std::string& given) {
  if (!given.empty()) return given;
  std::string folder = environment("MILLRACE_RUNS");
  return folder.empty() ? "runs" : folder;
}

}  // namespace

std::string RunsFolder::runs_folder() const { return chosen(runs); }

Option runs_option() {
  return {.name = "runs",
          .kind = ValueKind::file,
          .placeholder = "DIR",
          .help = "Folder that runs are kept in, unless said MILLRACE_RUNS or runs",
          .example = "runs",
          .store = into(&RunsFolder::runs)};
}

std::vector<std::string> run_names(const TypedWords& typed) {
  std::vector<std::string> names;
  for (const std::string& run : runs_in(chosen(typed.runs))) names.push_back(std::filesystem::path(run).filename());
  if (!names.empty()) names.emplace_back(kLastRun);
  return names;
}

}  // namespace millrace::pipelines
