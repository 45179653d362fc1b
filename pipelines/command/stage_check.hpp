// One check of the conformance suite in a process of its own, which makes the stage anew from what it is told.
#pragma once

#include "process/ipc/asked_child.hpp"

#include <millrace/testing/stage_suite.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// The first argument of the program that makes a check; the process that asks and what `arguments_of` makes follow.
inline constexpr const char* kCheckStage = "__check_stage";
inline constexpr std::size_t kCheckStageArguments = 7;

struct StageCheck {
  std::string file, stage, check;
  std::string with;  ///< parameters, a YAML map or empty
  std::uint64_t seed = 0;
};

Question question_of(const StageCheck& check, std::chrono::milliseconds limit);
testing::CheckResult result_of_answer(const std::string& answer);

/// The other process, with all of its arguments. Returns an exit code only where nobody has asked.
int serve_stage_check(long parent, const std::vector<std::string>& arguments);

}  // namespace millrace::pipelines
