// Messages between the two processes of an isolated stage, over a socket. Tensors do not go this way.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Owns its end of the socket. One thread at a time sends, and one receives.
class Channel {
 public:
  enum class State { open, closed, silent };
  using IsThere = std::function<bool()>;

  /// `limit`: how long the other side may keep this one waiting, in all from one `begin` to the next; zero is for ever. Time
  /// during which this process stood still does not count. `is_there`: whether the other side still runs, asked now and then,
  /// because what it has started may hold its end of the socket open; may be empty. What cannot be a message is
  /// Error("stage-garbled", run).
  Channel(int socket, std::chrono::milliseconds limit, IsThere is_there = {});
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// A call begins: what was waited so far no longer counts. Not while another thread sends or receives.
  void begin() { waited_ = {}; }
  /// False when the other side has gone or has kept us waiting too long; state() says which.
  bool send(std::string_view message);
  /// Empty in the same cases. Calls `idle` every now and then while nothing comes.
  template <class Idle>
  std::optional<std::string> receive(const Idle& idle) {
    std::optional<std::string> message;
    while (!(message = next()) && state_ == State::open) {
      if (is_late())
        state_ = State::silent;
      else if (!fill())
        idle();
    }
    return message;
  }
  void close();
  State state() const { return state_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kSlice{50};
  /// A whole message of what has come.
  std::optional<std::string> next();
  /// False when nothing came for a slice of time.
  bool fill();
  bool take(int flags);
  bool is_gone() const { return is_there_ && !is_there_(); }
  bool is_late() const { return limit_.count() > 0 && waited_ >= limit_; }
  void count_from(Clock::time_point began);

  int socket_;
  std::chrono::milliseconds limit_;
  IsThere is_there_;
  std::atomic<State> state_ = State::open;
  Clock::duration waited_{};
  std::string received_;
  std::size_t taken_ = 0;  ///< bytes of received_ that have been taken
};

}  // namespace millrace::pipelines
