// Length-prefixed framing over a stream socket. Its timeouts are short slices, between which the limit and the other process are looked at.
#include "channel.hpp"

#include "wire.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30U;

}  // namespace

Channel::Channel(int socket, std::chrono::milliseconds limit, IsThere is_there)
    : socket_(socket), limit_(limit), is_there_(std::move(is_there)) {
  const timeval slice{0, std::chrono::microseconds(kSlice).count()};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof slice);
}

Channel::~Channel() { close(); }

void Channel::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  state_ = State::closed;
}

bool Channel::send(std::string_view message) {
  std::string frame(sizeof(std::uint64_t), '\0');
  const std::uint64_t size = message.size();
  std::memcpy(frame.data(), &size, sizeof size);
  frame += message;
  for (std::string_view left = frame; !left.empty() && state_ == State::open;) {
    const Clock::time_point began = Clock::now();
    const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    const int error = errno;
    count_from(began);
    if (sent > 0)
      left.remove_prefix(static_cast<std::size_t>(sent));
    else if (error != EINTR && ((error != EAGAIN && error != EWOULDBLOCK) || is_gone()))
      state_ = State::closed;
    else if (is_late())
      state_ = State::silent;
  }
  return state_ == State::open;
}

// A process that was stopped and goes on finds two slices gone, not an hour.
void Channel::count_from(Clock::time_point began) {
  if (limit_.count() > 0) waited_ += std::min<Clock::duration>(Clock::now() - began, 2 * kSlice);
}

std::optional<std::string> Channel::next() {
  std::uint64_t size = 0;
  if (received_.size() - taken_ < sizeof size) return std::nullopt;
  std::memcpy(&size, received_.data() + taken_, sizeof size);
  if (size > kMostBytes) WireReader::garbled("a message of impossible length");
  if (received_.size() - taken_ - sizeof size < size) return std::nullopt;
  std::string message = received_.substr(taken_ + sizeof size, size);
  taken_ += sizeof size + size;
  if (taken_ == received_.size()) {
    received_.clear();
    taken_ = 0;
  }
  return message;
}

bool Channel::fill() {
  const Clock::time_point began = Clock::now();
  const bool has_come = take(0);
  count_from(began);
  if (has_come || !is_gone()) return has_come;
  // What it has said last may have come in between.
  if (!take(MSG_DONTWAIT)) state_ = State::closed;
  return true;
}

// False when nothing has come; true as well when there is nothing to come any more.
bool Channel::take(int flags) {
  std::array<char, 1U << 14U> bytes;
  const ssize_t count = recv(socket_, bytes.data(), bytes.size(), flags);
  if (count > 0) {
    received_.erase(0, taken_);
    taken_ = 0;
    received_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (count == 0 || errno != EINTR) state_ = State::closed;
  return true;
}

}  // namespace millrace::pipelines
