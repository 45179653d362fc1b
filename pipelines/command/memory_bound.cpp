#include "plan.hpp"

#include <millrace/model.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kIdBytes = sizeof(std::uint64_t);

std::size_t as_size(std::int64_t value) { return static_cast<std::size_t>(std::max<std::int64_t>(value, 0)); }

/// Most rows of each node's output that can be alive: a source's budget, kept by every row made from it.
std::vector<std::size_t> rows_alive(const ValidatedGraph& graph) {
  std::vector<std::size_t> rows(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const ValidatedNode& node = graph.nodes[i];
    for (const ValidatedEdge& edge : node.inputs) rows[i] = std::max(rows[i], rows[edge.from_node]);
    if (!node.inputs.empty()) continue;
    for (const auto& [port, spec] : node.outputs)
      rows[i] = std::max(rows[i], as_size(node.budget_blocks) * as_size(spec.max_rows));
  }
  return rows;
}

// The allocator hands out blocks of size classes an eighth apart, and of 64 bytes at least.
std::size_t with_slack(std::size_t bytes, std::size_t blocks) { return bytes + bytes / 8 + 64 * blocks; }

// Two packets more than what is alive: the one being written, and a short packet in memory of full size.
std::size_t flowing_bytes(const ValidatedNode& node, std::size_t rows) {
  const bool makes_ids = node.info->kind != StageKind::transform;
  std::size_t bytes = 0;
  for (const auto& [port, spec] : node.outputs) {
    if (spec.kind != PortKind::data || spec.max_rows <= 0) continue;
    const std::size_t packets = rows / as_size(spec.max_rows) + 3;
    bytes += with_slack((rows + 2 * as_size(spec.max_rows)) * (row_bytes(spec) + (makes_ids ? kIdBytes : 0)),
                        packets * (spec.fields.size() + (makes_ids ? 1 : 0)));
  }
  return bytes;
}

// A pass starts when the one `epochs_ahead` + 1 before it is gone, so that many snapshots live, and the report keeps the last.
std::size_t model_bytes(const ValidatedNode& node, std::uint32_t epochs_ahead) {
  std::size_t bytes = 0;
  for (const auto& [port, spec] : node.outputs)
    if (spec.model) bytes += (std::size_t{epochs_ahead} + 2) * as_size(spec.model->parameters()) * sizeof(float);
  return bytes;
}

// A packet of each input, and what a call makes of them besides what the stage has begun to fill.
std::size_t shared_bytes(const ValidatedGraph& graph, const ValidatedNode& node) {
  std::size_t bytes = 0, rows = 0;
  for (const ValidatedEdge& edge : node.inputs) {
    const PortSpec& in = graph.spec_of(edge);
    rows = std::max(rows, as_size(in.max_rows));
    bytes += as_size(in.max_rows) * (row_bytes(in) + kIdBytes);
  }
  for (const auto& [port, spec] : node.outputs)
    bytes += (std::max(rows, as_size(spec.max_rows)) + as_size(spec.max_rows)) * (row_bytes(spec) + kIdBytes);
  return bytes;
}

}  // namespace

std::size_t row_bytes(const PortSpec& port) {
  std::size_t bytes = 0;
  for (const PortSpec::FieldSpec& field : port.fields) bytes += field.spec.stored_row_bytes();
  return bytes;
}

MemoryBound memory_bound(const ValidatedGraph& graph) {
  MemoryBound bound;
  const std::vector<std::size_t> rows = rows_alive(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const ValidatedNode& node = graph.nodes[i];
    MemoryBound::NodeBytes bytes{node.name, 0, flowing_bytes(node, rows[i]), model_bytes(node, graph.epochs_ahead)};
    for (const MemoryUse& use : node.memory)
      bytes.working += node.inputs.empty() ? use.bytes : with_slack(use.bytes, 1);
    if (node.isolated) bytes.working += shared_bytes(graph, node);
    bound.total += bytes.total();
    bound.nodes.push_back(std::move(bytes));
  }
  return bound;
}

}  // namespace millrace::pipelines
