// From each source its rows are followed through what is pure, up to the stages that keep something of them. A batcher is pure: it cuts at positions.
#include "source_starts.hpp"

#include <millrace/detail/positioned_source.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace millrace::pipelines {
namespace {

bool is_cutter(const ValidatedNode& node) { return !node.info->spec.batch_rows_param().empty(); }

bool is_pure(const ValidatedNode& node) {
  return node.info->kind == StageKind::transform || (node.info->kind == StageKind::serial && is_cutter(node));
}

bool is_resumable(const ValidatedNode& node) {
  return node.info->kind == StageKind::serial && node.info->spec.state() == StateKind::resumable;
}

/// Two steps are one where every batch of both begins; beyond `most` it does not matter by how much.
std::int64_t common_step(std::int64_t a, std::int64_t b, std::int64_t most) {
  if (b <= 0) return a;
  const std::int64_t times = b / std::gcd(a, b);
  return a > most / times ? most + 1 : a * times;
}

/// What lies between one source and those that keep something of its rows.
class Way {
 public:
  Way(const ValidatedGraph& graph, std::size_t source) : graph_(graph), source_(source), has_(graph.nodes.size()) {
    start_.sources = {source};
    look_at_source();
    has_[source] = true;
    for (std::size_t node = source + 1; node < graph.nodes.size(); ++node)
      if (takes_rows(graph.nodes[node])) pass(node);
  }

  SourceStart take() { return std::move(start_); }
  bool has(std::size_t node) const { return has_[node]; }

 private:
  void look_at_source() {
    const ValidatedNode& source = graph_.nodes[source_];
    for (const auto& [port, spec] : source.outputs)
      if (spec.rows_per_epoch) start_.rows = *spec.rows_per_epoch;
    if (start_.rows == 0) replays(fmt::format("nobody knows how many rows source `{}` has", source.name));
    if (graph_.ranks.size > 1)
      replays("several processes share its rows");
    else if (source.isolated)
      replays(fmt::format("source `{}` works in a process of its own", source.name));
    else if (dynamic_cast<const PositionedSource*>(source.stage.get()) == nullptr)
      replays(fmt::format("source `{}` begins nowhere else", source.name));
  }

  bool takes_rows(const ValidatedNode& node) const {
    return std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
      const bool passes_on =
          edge.from_node == source_ || (has_[edge.from_node] && is_pure(graph_.nodes[edge.from_node]));
      return passes_on && graph_.spec_of(edge).kind == PortKind::data;
    });
  }

  void pass(std::size_t at) {
    const ValidatedNode& node = graph_.nodes[at];
    has_[at] = true;
    if (is_resumable(node))
      start_.keepers.push_back(at);
    else if (!is_pure(node))
      replays(node.info->spec.state() == StateKind::stateless
                  ? fmt::format("node `{}` takes all rows of an epoch", node.name)
                  : fmt::format("node `{}` keeps a state", node.name));
    if (is_pure(node) && is_cutter(node)) cut(node.params[node.info->spec.batch_rows_param()].integer());
    // Whoever sees blocks sees the same ones again.
    const bool sees_packets = is_resumable(node) || node.info->spec.do_rows_depend_on_packet();
    if (node.batch_rows == 0 && sees_packets) cut(block_rows(graph_.nodes[source_]));
    for (const ValidatedEdge& edge : node.inputs)
      if (graph_.spec_of(edge).kind != PortKind::data)
        replays(fmt::format("node `{}` takes more than rows", node.name));
  }

  void cut(std::int64_t rows) { start_.step = common_step(start_.step, rows, start_.rows); }
  void replays(std::string why) {
    if (start_.replays.empty()) start_.replays = std::move(why);
  }

  const ValidatedGraph& graph_;
  std::size_t source_;
  std::vector<bool> has_;  ///< nodes that its rows come to
  SourceStart start_;
};

/// Rows of both come to one node.
bool meet(const Way& a, const Way& b, std::size_t nodes) {
  for (std::size_t node = 0; node < nodes; ++node)
    if (a.has(node) && b.has(node)) return true;
  return false;
}

void unite(SourceStart& all, SourceStart more) {
  all.sources.insert(all.sources.end(), more.sources.begin(), more.sources.end());
  for (const std::size_t keeper : more.keepers)
    if (std::find(all.keepers.begin(), all.keepers.end(), keeper) == all.keepers.end()) all.keepers.push_back(keeper);
  if (all.replays.empty()) all.replays = std::move(more.replays);
  all.rows = std::min(all.rows, more.rows);
  all.step = common_step(all.step, more.step, all.rows);
}

/// Those of `ways` whose rows meet those of `first`, directly or by way of others.
std::vector<std::size_t> group_of(std::size_t first, const std::vector<Way>& ways, std::size_t nodes,
                                  std::vector<bool>& is_taken) {
  std::vector<std::size_t> group{first};
  is_taken[first] = true;
  for (std::size_t in = 0; in < group.size(); ++in)
    for (std::size_t other = 0; other < ways.size(); ++other)
      if (!is_taken[other] && meet(ways[group[in]], ways[other], nodes)) {
        is_taken[other] = true;
        group.push_back(other);
      }
  return group;
}

}  // namespace

std::vector<SourceStart> source_starts(const ValidatedGraph& graph) {
  std::vector<Way> ways;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    if (graph.nodes[node].info->kind == StageKind::source) ways.emplace_back(graph, node);
  std::vector<SourceStart> starts;
  std::vector<bool> is_taken(ways.size(), false);
  for (std::size_t first = 0; first < ways.size(); ++first) {
    if (is_taken[first]) continue;
    const std::vector<std::size_t> group = group_of(first, ways, graph.nodes.size(), is_taken);
    SourceStart start = ways[first].take();
    for (std::size_t in = 1; in < group.size(); ++in) unite(start, ways[group[in]].take());
    if (start.replays.empty() && start.step > start.rows) start.replays = "no batches of all begin elsewhere";
    if (!start.keepers.empty()) starts.push_back(std::move(start));
  }
  return starts;
}

}  // namespace millrace::pipelines
