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
