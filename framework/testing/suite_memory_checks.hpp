// Checks of what a stage holds: nothing of what it was given is changed, nothing stays behind it, also not after an error.
#pragma once

#include <millrace/testing/suite_case.hpp>

namespace millrace::testing {

CheckResult check_inputs_kept(const SuiteCase& one);
CheckResult check_leaks(const SuiteCase& one);
CheckResult check_throws(const SuiteCase& one);

}  // namespace millrace::testing
