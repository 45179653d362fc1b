// What a stage has thrown, by the name that a run tells it with. Anything may be thrown, also what is no std::exception.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/error.hpp>

#include <exception>
#include <string>

namespace millrace {

/// Thrown while the stage opens or works: the Error itself, else one of kind run named "out-of-memory", "no-thread" or
/// "too-many-files" for what the system has refused, "stage-exception" or "unknown-exception".
MILLRACE_EXPORT Error stage_error(const std::exception_ptr& thrown);

/// Thrown by its constructor (`name` "construct-failed") or its infer ("infer-failed"): the Error itself, else one of kind plugin
/// with that name.
MILLRACE_EXPORT Error making_error(const std::exception_ptr& thrown, std::string name);

/// Its infer has returned, reported nothing and not set this output: "infer-incomplete", of kind plugin.
MILLRACE_EXPORT Error unset_output_error(const std::string& stage, const std::string& output);

}  // namespace millrace
