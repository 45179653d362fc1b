// The files of a capsule: written when a call has failed, read when it is made once more.
#pragma once

#include "capsule.hpp"
#include "run/report/state_sink.hpp"

#include <millrace/packet.hpp>
#include <millrace/stage.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// What `packet` says of its rows, and how its files are to be called.
void add_packet(const Packet& packet, CapsuleInput& input);

/// Makes `folder`/`name`, in `folder`, which need not be there. It is there whole or not at all. `packets`: by input; none for a call that took none.
/// Throws Error of kind output.
void write_capsule(const std::string& folder, const std::string& name, const Capsule& capsule,
                   std::span<const Packet> packets);
/// Adds state.bin. Throws Error of kind output.
void write_capsule_state(const std::string& capsule_folder, const NodeState& state);

/// The fields of an input, in memory of the call. Throws Error of kind data: capsule-unreadable where a file is not of the shape that capsule.json tells
/// of, and what read_npy_header throws.
std::vector<Field> read_fields(const std::string& capsule_folder, const CapsuleInput& input, WorkContext& context);
/// Nothing where the capsule has none. Throws Error("capsule-unreadable", data) and what read_safetensors_header throws.
std::optional<NodeState> read_capsule_state(const std::string& capsule_folder, const std::string& node);

}  // namespace millrace::pipelines
