// Who is told of a call of a stage that has thrown, while what it was given is still there.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run_report.hpp"

#include <millrace/detail/port_table.hpp>
#include <millrace/packet.hpp>

#include <cstddef>
#include <span>

namespace millrace::pipelines {

struct FailedCall {
  const ValidatedNode& node;
  const RunFailure& failure;       ///< with the place of the call
  const char* name;                ///< "open", "produce", "process"
  const PortTable& ports;          ///< the inputs
  std::span<const Packet> inputs;  ///< by port; empty for a call that takes none
  bool is_on_device = false;       ///< the host cannot read the inputs
};

class FailedCallSink {
 public:
  virtual ~FailedCallSink() = default;
  /// Any thread, several at once. The inputs end with the call.
  virtual void failed(const FailedCall& call) noexcept = 0;
};

}  // namespace millrace::pipelines
