// A callback behind a mutex: other threads than the run's call it, and none is in it any more once the run has taken it back.
#include "active_nodes.hpp"

#include <utility>

namespace millrace::pipelines {

PendingWork ActiveNodes::now() const {
  const std::lock_guard lock(mutex_);
  return ask_ ? ask_() : PendingWork();
}

void ActiveNodes::follow(Ask ask) {
  const std::lock_guard lock(mutex_);
  ask_ = std::move(ask);
}

}  // namespace millrace::pipelines
