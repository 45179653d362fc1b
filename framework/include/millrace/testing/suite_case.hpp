// What a check of the conformance suite is, what it is made on, and what it says.
#pragma once

#include <millrace/param.hpp>
#include <millrace/registry.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::testing {

/// What the checks are made on. Inputs are random numbers of the declared types, shapes and ranges, keyed by `seed`.
struct SuiteCase {
  const StageInfo& info;
  ParamValue params;                ///< checked and complete
  std::vector<std::string> inputs;  ///< those that are connected, in order; optional ones are tried beside them
  std::uint64_t seed = 42;
};

enum class Verdict : std::uint8_t { passed, failed, not_applicable };

struct CheckResult {
  Verdict verdict = Verdict::passed;
  std::string seen;         ///< failed: what was seen, on which input; not applicable: why
  std::string help;         ///< failed: what to do
  bool lacks_data = false;  ///< not applicable because a file that the stage reads is missing or corrupt
};

/// `run` makes the stage anew, as often as it needs; it throws nothing of the stage's. A stage that crashes takes the caller
/// along, so `pipeline-run` calls each in a process of its own.
struct SuiteCheck {
  std::string name;                ///< stable: "thread-count-matters"
  std::vector<std::string> needs;  ///< checks that must have passed, or this one says nothing
  CheckResult (*run)(const SuiteCase&);
};

}  // namespace millrace::testing
