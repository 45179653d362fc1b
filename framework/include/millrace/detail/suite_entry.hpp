// How a program that is not linked with the conformance suite comes to it: it opens the library and asks for this function.
#pragma once

#include <millrace/testing/suite_case.hpp>

#include <vector>

namespace millrace::testing {

/// An `extern "C"` function of millrace_testing. What it returns is suite_checks() and is never null.
inline constexpr const char* kSuiteEntry = "millrace_suite_entry";
using SuiteEntry = const std::vector<SuiteCheck>* (*)();

}  // namespace millrace::testing
