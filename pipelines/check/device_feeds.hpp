// Which packets cross to a device with memory of its own, and who must know of it. Decided from descriptors, not from names.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"

namespace millrace::pipelines {

/// Data that lies on the device must not go to a stage that reads on the host: `needs-host-memory`, at the input.
void check_device_reads(const CheckedGraph& checked, const DeviceId& device, Diagnostics& diagnostics);

/// Sets `feeds_device` of every node whose bytes a stage that copies to the device reads: of the node before it and, behind
/// transforms, which may pass on bytes of their inputs, of those before them up to the nearest Serial or Source.
void mark_device_feeds(ValidatedGraph& graph);

}  // namespace millrace::pipelines
