// The one thread that calls MPI. It progresses the collectives of all channels without blocking in one, answers other
// ranks, and notices ranks that are lost.
//
// Open MPI moves nothing in the background, so somebody has to call it all the time; with one thread that does, MPI needs
// no thread support beyond MPI_THREAD_FUNNELED.
#pragma once

#include "liveness_probe.hpp"
#include "mpi_channel.hpp"
#include "mpi_messages.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::comm {

class MpiThread {
 public:
  /// Starts MPI. Ends the process with 75 when the other ranks have not started within the timeout, because nothing can
  /// end a start of MPI that hangs. Throws Error("peer-lost", stalled) when it fails.
  explicit MpiThread(double timeout_seconds);
  ~MpiThread();
  MpiThread(const MpiThread&) = delete;
  MpiThread& operator=(const MpiThread&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Any thread.
  /// A channel with a communicator of its own; blocks until every rank has asked for it. Throws as `wait` does.
  int open_channel(const std::string& node, const std::string& stage);
  std::shared_ptr<Operation> post(int channel, const char* what, std::vector<Round> rounds,
                                  std::vector<float> scratch = {});
  /// Throws Error("peer-lost", stalled) or Error("canceled", run); no message touches the operation's buffers after that.
  void wait(Operation& operation);
  void wait_quietly(Operation& operation) noexcept;
  void watch(const std::atomic<int>* request) { request_ = request; }
  int requested_stop() const;
  void agree_to_stop(int signal);
  const std::atomic<int>& agreed_stop() const { return agreed_stop_; }
  void fail(const std::string& text) noexcept;
  void leave(int exit_code) noexcept;

  static constexpr int kStartChannel = 0;  ///< the channel of what concerns the whole run

 private:
  struct Failure {
    bool own = false;
    std::string text;
    Clock::time_point when;
  };
  void run() noexcept;
  void start();
  void loop();
  void take_posted();
  bool progress();
  void over(const std::shared_ptr<Operation>& operation, Operation::End end);
  void read_messages();
  void handle(int from, const Message& message);
  void check_timeouts(Clock::time_point now);
  void check_liveness();
  void resolve_probe(Clock::time_point now);
  void declare_failed(const std::string& text, bool tell);
  void cancel_all();
  void back_off(bool active);
  bool may_leave();
  void end_failed_run(Clock::time_point now);
  void finalize();
  std::string waiting_text() const;
  std::string arrival_text(const Operation& operation) const;
  void notice_own_failure();

  const Clock::duration timeout_;
  int rank_ = 0, size_ = 1;
  std::atomic<const std::atomic<int>*> request_{nullptr};
  std::atomic<int> agreed_stop_{0};

  // Owned by the MPI thread.
  std::unique_ptr<MessageBox> box_;
  std::vector<std::unique_ptr<MpiChannel>> channels_;
  std::optional<LivenessProbe> probe_;
  int asked_for_signal_ = 0;
  bool told_ = false, canceled_ = false, gone_sent_ = false;
  std::vector<bool> gone_;
  Clock::time_point changed_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_, over_;
  std::vector<std::pair<int, std::shared_ptr<Operation>>> posted_;
  std::vector<std::pair<std::string, std::string>> names_;  ///< node and stage by channel
  std::optional<Failure> failure_;
  std::optional<int> leave_code_;
  bool started_ = false;
  std::string start_error_;

  std::thread thread_;
};

}  // namespace millrace::comm
