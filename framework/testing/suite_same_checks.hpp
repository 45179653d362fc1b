// Checks that a stage does the same again: in a second run, on other threads, in other blocks, from a saved state.
#pragma once

#include <millrace/testing/suite_case.hpp>

namespace millrace::testing {

CheckResult check_repeat(const SuiteCase& one);
CheckResult check_threads(const SuiteCase& one);
CheckResult check_blocks(const SuiteCase& one);
CheckResult check_state(const SuiteCase& one);

}  // namespace millrace::testing
