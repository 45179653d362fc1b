// What keeps a model from being judged stands in the file; a file that cannot be written is a warning.
#include "kept_validation.hpp"

#include "command/judging/judged_models.hpp"
#include "command/terminal/answer.hpp"
#include "process/command_error.hpp"
#include "report/validation/validation_json.hpp"

#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>

#include <nlohmann/json.hpp>

#include <exception>

namespace millrace::pipelines {
namespace {

bool is_held(KeptRun& kept) {
  try {
    kept.recorder().folder().claim().require_held();
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void keep_validation(KeptRun& kept, const CheckedConfig& checked, const SliceWatch& watch, RunReport& report) noexcept
    try {
  try {
    const std::vector<Validation> models = judged_models(checked, kept.path(), watch);
    if (!models.empty() && is_held(kept))
      write_atomically(kept.recorder().folder().validation_path(), json_line(validation_json(models)));
  } catch (...) {
    kept.warn(report, error_of(std::current_exception()), "report-failed", "validation.json was not written");
  }
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory, not even for a warning
}

}  // namespace millrace::pipelines
