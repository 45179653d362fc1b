// What the parts of a run folder are called, and what is one.
#pragma once

#include <millrace/files/kept_checkpoints.hpp>

#include <chrono>
#include <string>

namespace millrace::pipelines {
namespace run_parts {

inline constexpr const char* kConfig = "config.yaml";
inline constexpr const char* kClaim = "claim";
inline constexpr const char* kAttempts = kRunAttempts;
inline constexpr const char* kCurrent = "current";  ///< a link to the attempt that counts

// Of an attempt; in the run's own folder links to those of `current`.
inline constexpr const char* kEnvironment = "environment.json";
inline constexpr const char* kMetrics = kRunJournal;
inline constexpr const char* kCheckpoints = kRunCheckpoints;
inline constexpr const char* kLog = "log.txt";
inline constexpr const char* kReport = "report.html";

/// In the folder of an attempt: what its newest model makes of the validation rows.
inline constexpr const char* kValidation = "validation.json";

/// In the run's own folder: of the attempt that has finished the run, and then for ever. In that of an attempt: how that one ended otherwise.
inline constexpr const char* kSummary = "summary.json";

/// In the run's own folder, over all attempts: how often the test set was looked at.
inline constexpr const char* kTestLedger = "test_ledger.jsonl";

/// With which a run is claimed.
inline constexpr std::chrono::seconds kLease{30};

}  // namespace run_parts

/// Whether something called so in a run's own folder is the program's.
bool is_run_part(const std::string& name);
/// A folder, no link to one, with a claim and the environment of an attempt; or one that was being made when its process was killed, and has nothing that a
/// run folder has not.
bool is_run_folder(const std::string& folder);
/// Throws Error("no-run-folder", usage).
void require_run_folder(const std::string& folder);

}  // namespace millrace::pipelines
