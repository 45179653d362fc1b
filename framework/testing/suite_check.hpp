// What every check of the suite is written with: over all forms of input, until something is wrong.
#pragma once

#include "suite_harness.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::testing {

/// What is wrong, if anything is.
using Finding = std::optional<std::string>;

/// Two epochs of four blocks: what a stage has to get through before anything else is asked of it.
extern const Scenario kPlain;

CheckResult not_applicable(std::string why);

/// Makes `check` for each form that the stage accepts; the first finding fails it, with `help`. What `check` throws is a finding,
/// unless it speaks of data: a source without its files cannot be tested.
CheckResult over_forms(const SuiteCase& one, const char* help, const std::function<Finding(const InputForm&)>& check);

/// "name: message; help: ...", of what `body` throws: its finding otherwise. Errors of kind data are thrown on.
Finding caught(const std::function<Finding()>& body);

/// All epochs. What another check than `check` is there to tell of, out of the contract of a call, only ends them.
void run_for(std::string_view check, SuiteHarness& harness);

}  // namespace millrace::testing
