// The packets that a stage is fed with by the suite, call by call, in the order in which an engine would give them.
#pragma once

#include "suite_forms.hpp"

#include <millrace/device.hpp>
#include <millrace/packet.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace millrace::testing {

/// One call of process.
struct Call {
  std::size_t epoch = 0;
  std::vector<Packet> packets;  ///< one an input of the form; a packet that does not come has no lease
  std::size_t port = 0;         ///< the input that the call is for
};

/// The calls of all epochs, in order. Their tensors lie in `memory`, and every packet keeps a copy of `lease`.
std::vector<Call> make_calls(const SuiteCase& one, const InputForm& form, const Scenario& scenario, Allocator& memory,
                             const std::shared_ptr<const void>& lease);

}  // namespace millrace::testing
