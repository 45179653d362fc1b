// Notices a stage that does not return: a call that has lasted longer than its node allows.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace::pipelines {

/// What can be seen of a node's calls from outside.
struct CallLook {
  bool in_call = false;
  std::uint64_t changes = 0;  ///< calls that have begun or ended so far
};

struct WatchedNode {
  std::chrono::milliseconds limit{0};  ///< 0: it may take as long as it likes
  std::function<CallLook()> look;
};

/// Looks at all nodes from a thread of its own, which there is only where some node has a limit. Never tells of a call that has
/// not lasted for its limit; of several calls of one node it tells when the last other one has ended.
class CallWatch {
 public:
  /// `hung` is told the node, once for each; on the watch's thread. While `aside` says so, time counts for nobody: those who
  /// read what the run writes may take as long as they like.
  CallWatch(std::vector<WatchedNode> nodes, std::function<bool()> aside, std::function<void(std::size_t)> hung);
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

 private:
  struct Seen {
    std::uint64_t changes = 0;
    std::chrono::milliseconds age{0};
    bool told = false;
  };
  void work();
  void look();

  std::vector<WatchedNode> nodes_;
  std::vector<Seen> seen_;
  std::function<bool()> aside_;
  std::function<void(std::size_t)> hung_;
  std::chrono::milliseconds slice_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace millrace::pipelines
