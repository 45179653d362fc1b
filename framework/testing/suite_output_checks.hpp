// Checks of what a stage sends: that it comes, is what was promised, and ends each epoch, whatever the blocks.
#pragma once

#include <millrace/testing/suite_case.hpp>

namespace millrace::testing {

CheckResult check_runs(const SuiteCase& one);
CheckResult check_shape(const SuiteCase& one);
CheckResult check_range(const SuiteCase& one);
CheckResult check_end(const SuiteCase& one);
CheckResult check_one_row(const SuiteCase& one);
CheckResult check_empty_epoch(const SuiteCase& one);
CheckResult check_odd_batch(const SuiteCase& one);

}  // namespace millrace::testing
