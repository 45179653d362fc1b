// A journal begins with lines of the attempts before; those of its own have its number.
#include "stalled_attempts.hpp"

#include "checkpoints/past_run.hpp"
#include "folder/record_json.hpp"
#include "folder/run_parts.hpp"
#include "folder/small_file.hpp"

#include <millrace/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

bool has_checkpoint(const fs::path& folder, std::int64_t attempt) {
  const PastRun past = read_past_run_to_damage((folder / run_parts::kMetrics).string());
  return std::any_of(past.lines.begin(), past.lines.end(),
                     [&](const JournalLine& line) { return line.kind == kCheckpointLine && line.attempt == attempt; });
}

bool has_stalled(const fs::path& folder) {
  const auto summary = record_json(content_of((folder / run_parts::kSummary).string()));
  const nlohmann::ordered_json::json_pointer code("/exit/code");
  return summary.is_object() && summary.contains(code) && summary[code] == static_cast<int>(ErrorKind::stalled);
}

}  // namespace

int stalled_attempts(const std::string& folder, std::int64_t attempt) {
  int count = 0;
  for (std::int64_t number = attempt; number > 0; --number, ++count) {
    const fs::path one = fs::path(folder) / run_parts::kAttempts / std::to_string(number);
    if ((number != attempt && !has_stalled(one)) || has_checkpoint(one, number)) break;
  }
  return count;
}

}  // namespace millrace::pipelines
