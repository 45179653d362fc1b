// By its digest: a copy of one's own is one's own, and another run's is not, whatever they are called.
#include "own_checkpoint.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

std::string digest_of(const std::string& path) {
  InputFile file(path);
  return read_checkpoint_header(file).sha256;
}

bool tells_of(const PastRun& past, const std::string& sha256) {
  return std::any_of(past.lines.begin(), past.lines.end(), [&](const JournalLine& line) {
    return (line.kind == kCheckpointLine || line.kind == kRestoredLine) && kept_checkpoint_of(line).sha256 == sha256;
  });
}

// An attempt that trained a part anew has forgotten what the one before had kept of it.
bool has_told_of(const std::string& folder, const std::string& sha256) {
  std::error_code failed;
  fs::directory_iterator entry(fs::path(folder) / run_parts::kAttempts, failed);
  for (const fs::directory_iterator end; !failed && entry != end; entry.increment(failed))
    if (tells_of(read_past_run_to_damage((entry->path() / run_parts::kMetrics).string()), sha256)) return true;
  return false;
}

// RUN/attempts/1/checkpoints/FILE; the name in the run's own folder may be a link.
std::string run_around(const std::string& file) {
  std::error_code failed;
  fs::path path = fs::canonical(file, failed);
  for (int up = 0; up < 4; ++up) path = path.parent_path();
  return !failed && is_run_folder(path.string()) ? path.string() : std::string();
}

}  // namespace

void require_own_checkpoint(const std::string& folder, const std::string& file) {
  if (has_told_of(folder, digest_of(file))) return;
  const std::string owner = run_around(file);
  std::error_code failed;
  const bool is_elsewhere = !owner.empty() && !fs::equivalent(owner, folder, failed);
  throw Error(ErrorKind::data, "checkpoint-foreign",
              fmt::format("`{}` is no checkpoint of run `{}`{}", file, folder,
                          is_elsewhere ? fmt::format(": it is one of run `{}`", owner) : ""),
              is_elsewhere ? fmt::format("name that run, whose ledger then tells of it: `pipeline-run test {}`", owner)
                           : "take one that the run's journal tells of, or the run that has written it");
}

}  // namespace millrace::pipelines
