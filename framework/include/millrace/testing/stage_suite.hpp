// Checks that every stage must pass, made from its descriptor: what `pipeline-run test-stage` runs.
//
//   const SuiteCase one{*registry.find("flatten"), ParamValue(ParamValue::Map{}), {"in"}, 42};
//   for (const SuiteCheck& check : suite_checks()) REQUIRE(check.run(one).verdict != Verdict::failed);
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/testing/suite_case.hpp>

#include <vector>

namespace millrace::testing {

/// In the order in which they are to be made.
MILLRACE_EXPORT const std::vector<SuiteCheck>& suite_checks();

}  // namespace millrace::testing
