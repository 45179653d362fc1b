// What a stage's kind means for its callers and for resuming, in words.
#pragma once

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

/// "stateless", "checkpointable", "resumable" or "volatile".
std::string state_word(StateKind state);
/// "any number of threads at once; one packet out for one in; stateless".
std::string threads_and_state(const StageInfo& info);

}  // namespace millrace::pipelines
