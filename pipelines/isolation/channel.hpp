// Messages between the two processes of an isolated stage, over a socket. Tensors do not go this way.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Owns its end of the socket. One thread at a time sends, and one receives.
class Channel {
 public:
  enum class State { open, closed, silent };

  /// `limit`: the longest that the other side may take to send, or to take, something; zero is for ever. Time during which
  /// this process stood still does not count. What cannot be a message is Error("stage-garbled", run).
  Channel(int socket, std::chrono::milliseconds limit);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// False when the other side has gone or is silent; state() says which.
  bool send(std::string_view message);
  /// Empty in the same cases. Calls `idle` every now and then while nothing comes.
  template <class Idle>
  std::optional<std::string> receive(const Idle& idle) {
    std::optional<std::string> message;
    for (std::chrono::milliseconds waited{0}; !(message = next()) && state_ == State::open;) {
      if (fill()) {
        waited = {};
        continue;
      }
      idle();
      waited += kSlice;
      if (limit_.count() > 0 && waited >= limit_) state_ = State::silent;
    }
    return message;
  }
  void close();
  State state() const { return state_; }

 private:
  static constexpr std::chrono::milliseconds kSlice{50};
  /// A whole message of what has come.
  std::optional<std::string> next();
  /// False when nothing came for a slice of time.
  bool fill();

  int socket_;
  std::chrono::milliseconds limit_;
  std::atomic<State> state_ = State::open;
  std::string received_;
  std::size_t taken_ = 0;  ///< of received_
};

}  // namespace millrace::pipelines
