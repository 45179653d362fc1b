// Walks upstream from each stage that copies to the device: through transforms, up to the first node of another kind, which is marked too.
#include "device_feeds.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

bool has_own_memory(const DeviceId& device) { return device.kind != "cpu"; }

void mark_before(ValidatedGraph& graph, std::size_t consumer) {
  for (const ValidatedEdge& edge : graph.nodes[consumer].inputs) {
    ValidatedNode& from = graph.nodes[edge.from_node];
    if (from.feeds_device || graph.spec_of(edge).kind != PortKind::data) continue;
    from.feeds_device = true;
    if (from.info->kind == StageKind::transform) mark_before(graph, edge.from_node);
  }
}

}  // namespace

void check_device_reads(const CheckedGraph& checked, const DeviceId& device, Diagnostics& diagnostics) {
  if (!has_own_memory(device)) return;
  for (const CheckedNode& node : checked.nodes)
    for (const CheckedEdge& edge : node.inputs) {
      const CheckedNode& from = checked.nodes[edge.from];
      if (node.info == nullptr || from.info == nullptr || edge.kind != PortKind::data) continue;
      if (!from.info->spec.does_copy_to_device() || node.info->spec.does_read_on_device()) continue;
      diagnostics.add({{.kind = ErrorKind::config,
                        .name = "needs-host-memory",
                        .message = fmt::format("node `{}` ({}) reads on the host, `{}` ({}) has copied its data to {}",
                                               node.spec->name, node.spec->stage, from.spec->name, from.spec->stage,
                                               to_string(device)),
                        .help = fmt::format("take it before `{}`, or run with `device: cpu`", from.spec->name)},
                       edge.spec->where,
                       "lies on the device"});
    }
}

void mark_device_feeds(ValidatedGraph& graph) {
  if (!has_own_memory(graph.device.id)) return;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].info->spec.does_copy_to_device()) mark_before(graph, i);
}

}  // namespace millrace::pipelines
