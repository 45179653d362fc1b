// Every term is a bound: what a stage declares, what its budget lets live, and what was measured of the program itself.
#include "memory_estimate.hpp"

#include "process/process_info.hpp"

#include <millrace/detail/host_allocator.hpp>
#include <millrace/model.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr std::size_t kIdBytes = sizeof(std::uint64_t);

// Measured, and rounded up by half: what a run of the smallest graph holds beyond the program that has read its config, without
// and with matrix products (whose kernels are compiled when they are first used).
constexpr std::size_t kEngineBytes = 6 * kMiB, kComputeBytes = 12 * kMiB;
// The touched part of a stack, the C library's pool of a thread, and the matrix library's packed tiles.
constexpr std::size_t kThreadBytes = 2 * kMiB;
// A packet with its lease, its fields and their specs, in the queues of all who take it.
constexpr std::size_t kPacketBytes = 640;
// Of an epoch in the report and in the JSON object that is made of it, and of each value that a node gives.
constexpr std::size_t kEpochBytes = 400, kValueBytes = 160, kValuesOfNode = 5;
// Of states: taken, waiting as the newest and as the best, being written, and what is made of that on its way.
constexpr std::size_t kCopiesOfState = 6, kCopiesOfConfig = 2, kKeeperBytes = 1 * kMiB;
constexpr std::size_t kCopiesOfName = 4;  // measured: in the history, and in the object as it grows

std::size_t as_size(std::int64_t value) { return static_cast<std::size_t>(std::max<std::int64_t>(value, 0)); }

/// Bytes of one row of all fields of a port, as stored, without ids.
std::size_t row_bytes(const PortSpec& port) {
  std::size_t bytes = 0;
  for (const PortSpec::FieldSpec& field : port.fields) bytes += field.spec.stored_row_bytes();
  return bytes;
}

/// A source's budget; less where it has not so many rows in the epochs that may be alive at once.
std::size_t rows_alive(const ValidatedGraph& graph, std::int64_t blocks, const PortSpec& spec) {
  const std::size_t rows = as_size(blocks) * as_size(spec.max_rows);
  if (!spec.rows_per_epoch) return rows;
  return std::min(rows, (std::size_t{graph.epochs_ahead} + 1) * as_size(*spec.rows_per_epoch));
}

/// Most rows of each node's output that can be alive: those of its source, kept by every row made from them.
std::vector<std::size_t> rows_alive(const ValidatedGraph& graph, const BlocksBySource& blocks_by_source = {}) {
  std::vector<std::size_t> rows(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const ValidatedNode& node = graph.nodes[i];
    for (const ValidatedEdge& edge : node.inputs) rows[i] = std::max(rows[i], rows[edge.from_node]);
    if (!node.inputs.empty()) continue;
    const auto other = blocks_by_source.find(node.name);
    const std::int64_t blocks = other == blocks_by_source.end() ? node.budget_blocks : other->second;
    for (const auto& [port, spec] : node.outputs) rows[i] = std::max(rows[i], rows_alive(graph, blocks, spec));
  }
  return rows;
}

// Two packets more than what is alive: the one being written, and a short packet in memory of full size.
std::size_t flowing_bytes(const ValidatedNode& node, std::size_t rows) {
  const bool makes_ids = node.info->kind != StageKind::transform;
  std::size_t bytes = 0;
  for (const auto& [port, spec] : node.outputs) {
    if (spec.kind != PortKind::data || spec.max_rows <= 0) continue;
    const std::size_t packets = rows / as_size(spec.max_rows) + 3;
    bytes += with_slack((rows + 2 * as_size(spec.max_rows)) * (row_bytes(spec) + (makes_ids ? kIdBytes : 0)),
                        packets * (spec.fields.size() + (makes_ids ? 1 : 0)));
    bytes += packets * kPacketBytes;
  }
  return bytes;
}

bool is_float32(const TensorSpec& spec) {
  return spec.encoding.kind == EncodingKind::dense && spec.dtype == DType::f32;
}

// A batcher copies stored bytes, a step decodes into memory that it has declared, and who gives on what it got moves bytes.
bool may_decode(const ValidatedNode& node, const TensorSpec& in) {
  if (is_float32(in) || node.info->spec.does_read_on_device() || !node.info->spec.batch_rows_param().empty())
    return false;
  const auto moves_bytes = [&](const auto& output) {
    return std::any_of(output.second.fields.begin(), output.second.fields.end(),
                       [&](const auto& field) { return field.spec.stored_dtype() == in.stored_dtype(); });
  };
  return std::none_of(node.outputs.begin(), node.outputs.end(), moves_bytes);
}

std::size_t consumers_of(const ValidatedGraph& graph, const ValidatedEdge& edge) {
  std::size_t count = 0;
  for (const ValidatedNode& node : graph.nodes)
    for (const ValidatedEdge& other : node.inputs)
      count += other.from_node == edge.from_node && other.from_port == edge.from_port ? 1U : 0U;
  return count;
}

// What a stage gives on as it got it bears a copy that was made of it elsewhere.
bool is_made_here(const ValidatedGraph& graph, const ValidatedNode& node, const TensorSpec& out) {
  for (const ValidatedEdge& edge : node.inputs)
    for (const PortSpec::FieldSpec& field : graph.spec_of(edge).fields)
      if (field.spec.encoding.kind == out.encoding.kind && field.spec.stored_dtype() == out.stored_dtype())
        return false;
  return true;
}

/// Rows of an input whose copies as float32 can be alive: with its packets, unless nobody else sees them. The only consumer of
/// a packet lets it go when its call ends, and a sink has one call at a time.
std::size_t decoded_rows(const ValidatedGraph& graph, const ValidatedNode& node, const ValidatedEdge& edge,
                         const TensorSpec& field, std::size_t rows) {
  const std::size_t packet = as_size(graph.spec_of(edge).max_rows);
  const bool is_sink = node.outputs.empty() && node.info->kind == StageKind::serial && node.info->spec.waits().empty();
  if (!is_sink || consumers_of(graph, edge) != 1 || !is_made_here(graph, graph.nodes[edge.from_node], field))
    return rows + 2 * packet;
  return std::min(rows, as_size(node.accumulates_rows)) + packet;
}

/// Copies as float32 that a stage may ask for. They live as long as the packets.
std::size_t decoded_bytes(const ValidatedGraph& graph, const ValidatedNode& node,
                          const std::vector<std::size_t>& rows) {
  std::size_t bytes = 0;
  for (const ValidatedEdge& edge : node.inputs)
    for (const PortSpec::FieldSpec& field : graph.spec_of(edge).fields)
      if (may_decode(node, field.spec))
        bytes += with_slack(decoded_rows(graph, node, edge, field.spec, rows[edge.from_node]) *
                                as_size(elements_of(field.spec.row_shape)) * sizeof(float),
                            0);
  return bytes;
}

// An epoch starts when the one `epochs_ahead` + 1 before it is gone, so that many snapshots live, and the report keeps the last.
std::size_t model_bytes(const ValidatedNode& node, std::uint32_t epochs_ahead) {
  std::size_t bytes = 0;
  for (const auto& [port, spec] : node.outputs)
    if (spec.model && spec.kind == PortKind::model)
      bytes += (std::size_t{epochs_ahead} + 2) * as_size(spec.model->parameters()) * sizeof(float);
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

std::size_t program_bytes(const ValidatedGraph& graph, std::size_t resident_bytes) {
  const bool computes = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                    [](const ValidatedNode& node) { return node.info->spec.does_read_on_device(); });
  // In whole MiB, so that a few pages more or less change no number that a person sees.
  return (resident_bytes + kMiB - 1) / kMiB * kMiB + kEngineBytes + (computes ? kComputeBytes : 0);
}

std::size_t history_bytes(const ValidatedGraph& graph) {
  std::size_t values = 0;
  for (const ValidatedNode& node : graph.nodes)
    for (const auto& [port, spec] : node.outputs) values += spec.kind == PortKind::metrics ? kValuesOfNode : 0;
  std::size_t names = 0;
  for (const ReportedPort& port : graph.reported) names += kValuesOfNode * kCopiesOfName * port.prefix.size();
  return std::size_t{graph.epochs} * (kEpochBytes + values * kValueBytes + names);
}

/// Weights and what the optimizer keeps of a trainer, as it is saved.
std::size_t state_bytes(const ValidatedNode& node) {
  const ParamValue* const optimizer = node.params.find("optimizer");
  std::size_t slots = 0;
  if (optimizer != nullptr && !optimizer->is_null())
    slots = optimizer_slots({optimizer->alternative(), optimizer->alternative_params()}).size();
  std::size_t bytes = 0;
  for (const auto& [port, spec] : node.outputs)
    if (spec.model && spec.kind == PortKind::model)
      bytes += as_size(spec.model->parameters()) * sizeof(float) * (1 + slots);
  return bytes;
}

/// Who judges epochs saves the weights that it keeps, which is the memory that it has declared.
std::size_t judge_bytes(const ValidatedGraph& graph, const ValidatedNode& node) {
  if (node.info->spec.state() != StateKind::checkpointable || node.inputs.empty()) return 0;
  for (const ValidatedEdge& edge : node.inputs)
    if (graph.spec_of(edge).kind != PortKind::metrics) return 0;
  std::size_t bytes = 0;
  for (const MemoryUse& use : node.memory) bytes += use.bytes;
  return bytes;
}

/// What keeping the run takes: states that are copied, wait and are written, with what is made of them; the text of the config; the result once more.
std::size_t kept_bytes(const ValidatedGraph& graph) {
  if (!graph.is_kept) return 0;
  // In whole MiB, so that a letter more or less changes no number that a person sees.
  std::size_t bytes = kKeeperBytes + (kCopiesOfConfig * graph.config_bytes + kMiB - 1) / kMiB * kMiB;
  const auto is_kept = [&](const ValidatedNode& node) {
    return graph.is_trainer(node) && node.info->spec.state() == StateKind::resumable;
  };
  const bool is_only = std::count_if(graph.nodes.begin(), graph.nodes.end(), is_kept) <= 1;
  for (const ValidatedNode& node : graph.nodes) bytes += kCopiesOfState * judge_bytes(graph, node);
  for (const ValidatedNode& node : graph.nodes)  // of several each waits for the others, and is copied from there
    if (is_kept(node)) bytes += (kCopiesOfState + (is_only ? 0 : 1)) * state_bytes(node);
  return bytes;
}

std::size_t all_flowing_bytes(const ValidatedGraph& graph, const std::vector<std::size_t>& rows) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    bytes += flowing_bytes(graph.nodes[i], rows[i]) + decoded_bytes(graph, graph.nodes[i], rows);
  return bytes;
}

std::size_t declared_bytes(const ValidatedNode& node) {
  std::size_t bytes = 0;
  for (const MemoryUse& use : node.memory) bytes += node.inputs.empty() ? use.bytes : with_slack(use.bytes, 1);
  return bytes;
}

void add_working(const ValidatedGraph& graph, const ValidatedNode& node, std::size_t program,
                 MemoryEstimate::NodeBytes& bytes) {
  bytes.working = declared_bytes(node);
  if (!node.isolated) return;
  bytes.apart = bytes.working + program;
  bytes.process = shared_bytes(graph, node) + program;
  bytes.working += bytes.process;
}

}  // namespace

std::size_t MemoryEstimate::on_host() const {
  std::size_t bytes = total;
  for (const NodeBytes& node : nodes)
    if (node.on_device) bytes -= node.working;
  return bytes;
}

std::size_t MemoryEstimate::in_own_process() const {
  std::size_t bytes = on_host();
  for (const NodeBytes& node : nodes)
    if (!node.on_device) bytes -= node.apart;
  return bytes;
}

MemoryEstimate memory_estimate(const ValidatedGraph& graph, std::size_t resident_bytes) {
  MemoryEstimate estimate;
  estimate.program = program_bytes(graph, resident_bytes);
  estimate.threads = as_size(graph.threads) * kThreadBytes;
  estimate.history = history_bytes(graph);
  estimate.kept = kept_bytes(graph);
  estimate.total = estimate.program + estimate.threads + estimate.history + estimate.kept;
  const std::vector<std::size_t> rows = rows_alive(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const ValidatedNode& node = graph.nodes[i];
    MemoryEstimate::NodeBytes bytes;
    bytes.node = node.name;
    add_working(graph, node, estimate.program, bytes);
    bytes.flowing = flowing_bytes(node, rows[i]) + decoded_bytes(graph, node, rows);
    bytes.models = model_bytes(node, graph.epochs_ahead);
    bytes.on_device = graph.device.id.kind != "cpu" && node.info->spec.does_read_on_device();
    estimate.total += bytes.total();
    estimate.nodes.push_back(std::move(bytes));
  }
  return estimate;
}

std::size_t bytes_beyond_estimate(const ValidatedGraph& graph, const BlocksBySource& widened) {
  return all_flowing_bytes(graph, rows_alive(graph, widened)) - all_flowing_bytes(graph, rows_alive(graph));
}

// Reading a large config may have taken more than the run will.
MemoryEstimate memory_estimate(const ValidatedGraph& graph) {
  MemoryEstimate estimate = memory_estimate(graph, resident_bytes());
  const std::size_t peak = (peak_resident_bytes() / kMiB + 2) * kMiB;
  if (peak > estimate.on_host()) {
    const std::size_t more = peak - estimate.on_host();
    estimate.program += more;
    estimate.total += more;
  }
  return estimate;
}

}  // namespace millrace::pipelines
