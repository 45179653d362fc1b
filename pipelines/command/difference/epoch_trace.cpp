// Packets of a transform come in any order, so rows are sorted once at the end.
#include "epoch_trace.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <tuple>

namespace millrace::pipelines {
namespace {

bool are_same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

const EdgeTrace* find(const EpochTrace& trace, const OutputName& output) {
  const auto edge =
      std::find_if(trace.edges.begin(), trace.edges.end(), [&](const EdgeTrace& e) { return e.output == output; });
  return edge == trace.edges.end() ? nullptr : &*edge;
}

std::optional<PartingPoint> parting_of_edge(const EdgeTrace& a, const EdgeTrace& b) {
  const std::size_t both = std::min(a.rows.size(), b.rows.size());
  for (std::size_t i = 0; i < both; ++i) {
    const RowHash &x = a.rows[i], &y = b.rows[i];
    if (x.row != y.row)
      return PartingPoint{a.output, std::min(x.row, y.row), x.row < y.row ? x.batch : y.batch, {}, {}, true};
    if (x.hash != y.hash) return PartingPoint{a.output, x.row, x.batch};
  }
  if (a.rows.size() == b.rows.size()) return std::nullopt;
  const RowHash& more = a.rows.size() > both ? a.rows[both] : b.rows[both];
  return PartingPoint{a.output, more.row, more.batch, {}, {}, true};
}

std::optional<PartingPoint> parting_of_steps(const std::string& node, const std::vector<StepLoss>& a,
                                             const std::vector<StepLoss>& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i].samples == b[i].samples && are_same_bits(a[i].loss, b[i].loss)) continue;
    // A step depends on all rows of its batch, so it comes behind the last of them.
    return PartingPoint{{node, ""}, static_cast<std::uint64_t>(a[i].samples - 1), i + 1, a[i], b[i]};
  }
  return std::nullopt;
}

/// Keeps the one of the lower row; of equal rows the one that was found first, which stands before the other in the graph.
void keep_first(std::optional<PartingPoint> found, std::optional<PartingPoint>& first) {
  if (found && (!first || found->row < first->row)) first = std::move(found);
}

}  // namespace

Capture EpochTracer::capture(const OutputName& output) {
  EdgeTrace& edge = trace_.edges.emplace_back(EdgeTrace{output, {}});
  return {output.node, output.port, [&edge, epoch = epoch_](const CapturedPacket& captured) {
            if (captured.epoch == epoch) add_hashes(captured.packet, captured.number, edge.rows);
            return true;
          }};
}

void EpochTracer::step(const std::string& node, const StepProgress& progress) {
  if (progress.epoch == epoch_) trace_.steps[node].push_back({progress.samples, progress.loss});
}

EpochTrace EpochTracer::take() {
  for (EdgeTrace& edge : trace_.edges)
    std::sort(edge.rows.begin(), edge.rows.end(),
              [](const RowHash& a, const RowHash& b) { return std::tie(a.row, a.batch) < std::tie(b.row, b.batch); });
  return std::move(trace_);
}

// A trainer stands where its first output does: behind what it takes, before what it gives.
std::optional<PartingPoint> first_parting(const EpochTrace& a, const EpochTrace& b) {
  std::optional<PartingPoint> first;
  std::string node;
  for (const EdgeTrace& edge : a.edges) {
    const auto x = a.steps.find(edge.output.node), y = b.steps.find(edge.output.node);
    if (node != edge.output.node && x != a.steps.end() && y != b.steps.end())
      keep_first(parting_of_steps(x->first, x->second, y->second), first);
    node = edge.output.node;
    if (const EdgeTrace* const other = find(b, edge.output)) keep_first(parting_of_edge(edge, *other), first);
  }
  return first;
}

}  // namespace millrace::pipelines
