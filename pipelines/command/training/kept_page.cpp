// Everything is caught: a page is no reason for a run to fail.
#include "kept_page.hpp"

#include "process/command_error.hpp"
#include "record/folder/run_parts.hpp"
#include "report/page/run_page.hpp"
#include "report/record_reading.hpp"

#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>

#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

void write_page(const RunFolder& folder) {
  write_atomically(folder.report_path(), run_page(read_run(folder.path(), folder.attempt())));
}

}  // namespace

void keep_page(KeptRun& kept, RunReport& report) noexcept try {
  try {
    kept.recorder().folder().claim().require_held();
  } catch (const Error&) {
    return;
  }
  try {
    write_page(kept.recorder().folder());
  } catch (...) {
    kept.warn(report, error_of(std::current_exception()), "report-failed", "report.html was not written");
  }
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory, not even for a warning
}

void renew_page(const std::string& folder) {
  const std::filesystem::path page = std::filesystem::path(folder) / run_parts::kCurrent / run_parts::kReport;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(page, ignored)) write_atomically(page.string(), run_page(read_run(folder)));
}

}  // namespace millrace::pipelines
