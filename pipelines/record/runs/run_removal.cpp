// The claim is taken before, so that nobody begins an attempt meanwhile; where the disk is too full for that, looking has to do.
#include "run_removal.hpp"

#include "record/folder/record_failure.hpp"
#include "record/folder/run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/files/claim.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

// Nothing where the claim could not be taken for want of room or rights, and nobody holds it.
std::optional<Claim> claim_for_removal(const std::string& folder) {
  const std::string path = (fs::path(folder) / run_parts::kClaim).string();
  try {
    if (std::optional<Claim> claim = Claim::take(path, run_parts::kLease)) return claim;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::output) throw;
    if (claim_holder(path).is_over) return std::nullopt;
  }
  throw run_in_use(folder);
}

void remove_tree(const fs::path& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) throw unwritable_record("remove", path.string(), failed.value());
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code failed;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    entries.push_back(entry->path());
  if (failed) throw unwritable_record("look into", folder.string(), failed.value());
  std::sort(entries.begin(), entries.end());
  return entries;
}

// What makes it a run folder goes last.
void remove_parts(const fs::path& folder) {
  std::vector<fs::path> entries = entries_of(folder);
  std::erase_if(entries, [](const fs::path& entry) {
    const std::string name = entry.filename().string();
    return name == run_parts::kClaim || !is_run_part(name);
  });
  std::stable_partition(entries.begin(), entries.end(),
                        [](const fs::path& entry) { return entry.filename() != run_parts::kEnvironment; });
  for (const fs::path& entry : entries) remove_tree(entry);
}

}  // namespace

std::vector<std::string> foreign_in_run(const std::string& folder) {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(folder))
    if (const std::string name = entry.filename().string(); !is_run_part(name)) names.push_back(name);
  return names;
}

std::vector<std::string> remove_run(const std::string& folder) {
  require_run_folder(folder);
  {
    const std::optional<Claim> claim = claim_for_removal(folder);
    remove_parts(folder);
  }
  remove_tree(fs::path(folder) / run_parts::kClaim);
  const std::vector<std::string> foreign = foreign_in_run(folder);
  if (foreign.empty()) remove_tree(folder);
  return foreign;
}

}  // namespace millrace::pipelines
