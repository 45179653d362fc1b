// The process of an isolated stage, seen from the run: what it is asked, what it answers, how it can end.
#pragma once

#include "process/ipc/channel.hpp"
#include "process/ipc/child_process.hpp"
#include "protocol.hpp"
#include "sent_packets.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace millrace::pipelines {

/// One request at a time. Its destructor ends the process: in order when it still answers.
class StageProcess {
 public:
  /// `worker_program`: the program that serves stages. `limit`: the longest that it may work on a request.
  StageProcess(const std::string& worker_program, std::chrono::milliseconds limit);
  ~StageProcess();
  StageProcess(const StageProcess&) = delete;
  StageProcess& operator=(const StageProcess&) = delete;

  /// What the stage says before its request is done.
  using TakeMessage = std::function<void(WorkerMessage, WireReader&)>;
  /// Returns what the request is answered with. What the stage throws is thrown here. Throws Error of kind run:
  /// "stage-crashed" when its process has ended, "stage-hung" after `limit`, "stage-garbled" for an answer that is none; the
  /// process is gone then. What `take` throws is thrown when the request is done. `is_stopping` is asked now and then.
  std::string call(const WireWriter& request, const TakeMessage& take, const std::function<bool()>& is_stopping);
  /// Answers what has to be answered before the request goes on.
  void reply(const WireWriter& message) { channel_->send(message.bytes()); }

  SentPackets& packets() { return packets_; }
  bool is_gone() const { return gone_; }
  /// Throws Error("canceled", run) when it has ended; the call that saw it end has thrown why.
  void require_there() const;
  /// Ends it in order: the stage is destroyed there. Throws "stage-crashed" or "stage-hung" when that goes wrong.
  void end();

 private:
  std::string next(const std::function<bool()>& is_stopping);
  void tell_to_stop(bool stop);
  [[noreturn]] void throw_end();
  void give_up();

  std::chrono::milliseconds limit_;
  SharedFile inputs_, outputs_;
  SentPackets packets_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<ChildProcess> process_;
  bool gone_ = false, told_to_stop_ = false;
};

}  // namespace millrace::pipelines
