#include "channel.hpp"

#include "wire.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30U;

}  // namespace

// Time is counted in slices: a process that was stopped and goes on finds one slice gone, not an hour.
Channel::Channel(int socket, std::chrono::milliseconds limit) : socket_(socket), limit_(limit) {
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
  std::chrono::milliseconds waited{0};
  for (std::string_view left = frame; !left.empty() && state_ == State::open;) {
    const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
      waited = {};
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      waited += kSlice;
      if (limit_.count() > 0 && waited >= limit_) state_ = State::silent;
    } else if (errno != EINTR) {
      state_ = State::closed;
    }
  }
  return state_ == State::open;
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
  std::array<char, 1U << 14U> bytes;
  const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
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
