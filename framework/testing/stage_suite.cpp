// The checks of the suite, in order. Each makes the stage anew for every kind of input, and speaks of the first that goes wrong.
#include "suite_memory_checks.hpp"
#include "suite_output_checks.hpp"
#include "suite_same_checks.hpp"

#include <millrace/detail/suite_entry.hpp>
#include <millrace/testing/stage_suite.hpp>

namespace millrace::testing {

const std::vector<SuiteCheck>& suite_checks() {
  // Of a stage that breaks the contract of a call nothing else can be said.
  static const std::vector<std::string> kWhole{"runs", "output-mismatch", "epoch-not-ended"};
  static const std::vector<std::string> kSound{"runs", "output-mismatch", "range-left", "epoch-not-ended"};
  static const std::vector<std::string> kSteady{"runs", "output-mismatch", "epoch-not-ended", "repeat-differs"};
  static const std::vector<SuiteCheck> kChecks{
      {"runs", {}, check_runs},
      {"output-mismatch", {"runs"}, check_shape},
      {"range-left", {"runs", "output-mismatch"}, check_range},
      {"epoch-not-ended", {"runs", "output-mismatch"}, check_end},
      {"one-row", kSound, check_one_row},
      {"empty-epoch", kSound, check_empty_epoch},
      {"odd-last-batch", kSound, check_odd_batch},
      {"repeat-differs", kWhole, check_repeat},
      {"thread-count-matters", kSteady, check_threads},
      {"block-size-matters", {"runs", "repeat-differs", "odd-last-batch"}, check_blocks},
      {"input-modified", kWhole, check_inputs_kept},
      {"memory-leaks", kWhole, check_leaks},
      {"throw-leaves-packet", {"runs", "memory-leaks"}, check_throws},
      {"state-differs", kSteady, check_state},
  };
  return kChecks;
}

}  // namespace millrace::testing

extern "C" MILLRACE_EXPORT const std::vector<millrace::testing::SuiteCheck>* millrace_suite_entry();

const std::vector<millrace::testing::SuiteCheck>* millrace_suite_entry() { return &millrace::testing::suite_checks(); }
