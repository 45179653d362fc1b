// The conformance suite, which no run needs: a library that is opened when `test-stage` asks for it.
#pragma once

#include <millrace/testing/suite_case.hpp>

#include <vector>

namespace millrace::pipelines {

/// The checks, in order; they stay for as long as the program runs. Throws Error("suite-missing", plugin).
const std::vector<testing::SuiteCheck>& opened_suite();

}  // namespace millrace::pipelines
