// What a test supplies for one call of a stage: memory of its device, a clock of its own. What is sent goes to a function.
#pragma once

#include <millrace/detail/stage_call.hpp>

#include <functional>
#include <utility>

namespace millrace::testing {

/// `output` counts the ports of StageHarness::output_ports.
using Send = std::function<void(std::size_t output, Packet packet)>;

/// Time stands still between two readings unless the test says otherwise.
struct TestClock {
  double now = 0, tick = 0;
  double read() {
    const double reading = now;
    now += tick;
    return reading;
  }
};

class TestCall final : public CallEngine {
 public:
  TestCall(Device& device, TestClock& clock, Send send) : device_(device), clock_(clock), send_(std::move(send)) {}
  OutTensor allocate(TensorSpec spec, std::int64_t rows) override { return {std::move(spec), rows, device_.memory()}; }
  void send(std::size_t output, Packet packet) override { send_(output, std::move(packet)); }
  double seconds() const override { return clock_.read(); }

 private:
  Device& device_;
  TestClock& clock_;
  Send send_;
};

}  // namespace millrace::testing
