// Who is told what passes at an output of a node while a run lasts.
#pragma once

#include <millrace/packet.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace millrace::pipelines {

/// A packet that a node has given.
struct CapturedPacket {
  std::uint32_t epoch = 0;
  /// Which batch, block or other packet of the epoch it is, from 1: by the position of its first row, so that it is the same in every run.
  std::uint64_t number = 1;
  const Packet& packet;  ///< not to be kept: its share of the budget is taken as long as it lives
};

/// One output of one node.
struct Capture {
  std::string node, port;
  /// Answers whether it wants more. Any thread, never two calls at once; behind a transform packets may come in another order than theirs. What
  /// it throws is a failure of the run.
  std::function<bool(const CapturedPacket&)> take;
};

}  // namespace millrace::pipelines
