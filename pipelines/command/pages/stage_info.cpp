// The words that the pages of stages share.
#include "stage_info.hpp"

namespace millrace::pipelines {

std::string state_word(StateKind state) {
  return state == StateKind::stateless        ? "stateless"
         : state == StateKind::checkpointable ? "checkpointable"
         : state == StateKind::resumable      ? "resumable"
                                              : "volatile";
}

std::string threads_and_state(const StageInfo& info) {
  std::string state = state_word(info.spec.state());
  switch (info.kind) {
    case StageKind::source:
      return "one thread at a time; each epoch from its beginning; " + state;
    case StageKind::transform:
      return "any number of threads at once; one packet out for one in; " + state;
    case StageKind::serial:
      return "one thread at a time, in order; " + state;
  }
  return state;
}

}  // namespace millrace::pipelines
