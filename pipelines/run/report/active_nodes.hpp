// Which nodes a run waits for.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// What a run waits for: names of nodes, in the order of the graph.
struct PendingWork {
  std::vector<std::string> called;  ///< their stage has been called and has not returned
  std::vector<std::string>
      on_device;  ///< others, which keep what the device works on, or go on when it has done something
};

/// Which nodes are at work while a run lasts, for a user who waits for it. Safe from any thread, and never asks the device.
class ActiveNodes {
 public:
  using Ask = std::function<PendingWork()>;
  /// Nothing before and after the run.
  PendingWork now() const;
  /// For the run: whom to ask; nobody once this has returned with null.
  void follow(Ask ask);

 private:
  mutable std::mutex mutex_;
  Ask ask_;
};

}  // namespace millrace::pipelines
