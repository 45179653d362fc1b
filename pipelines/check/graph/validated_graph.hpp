// A graph that has passed every check: stages constructed and inferred, edges resolved, budgets decided.
#pragma once

#include "config/spec/graph_spec.hpp"

#include <millrace/detail/row_share.hpp>
#include <millrace/peers.hpp>
#include <millrace/registry.hpp>
#include <millrace/stage.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace millrace::pipelines {

/// One input of a node. Edges point backward: from the consumer to the producer.
struct ValidatedEdge {
  std::string port;
  std::size_t from_node = 0;  ///< index into ValidatedGraph::nodes; always smaller than the consumer's own
  std::string from_port;
};

struct MemoryUse {
  std::string what;
  std::size_t bytes = 0;
};

/// Rows of a source's epoch: `first` to `end` - 1 of what `origin` names.
struct RowsRead {
  std::string origin;
  std::int64_t first = 0, end = 0;
};

/// A purpose that a node draws random numbers for. `number`: its place among the nodes that draw for this purpose, counted
/// from 1 in the order of the file; `is_own`: the node has a `seed` of its own.
struct NodeSeed {
  std::string purpose;
  std::uint64_t seed = 0;
  std::int64_t number = 1;
  bool is_own = false;
};

/// A metrics output whose values stand in the history, each with `prefix` before its name.
struct ReportedPort {
  std::string node, port, prefix;
  Location where;  ///< place of what gives the prefix: an input of a sink, or the node
};

/// A file that a stage has said it reads; `sha256` of the content that it insists on, or empty.
struct FileRead {
  std::string path, sha256;
};

/// Where the user has written a parameter, or a part of one: "model.0.dense.units".
struct ParamPlace {
  std::string path;
  Location where;
};

/// What the rows of a source are for, where the config says it; else it follows from who takes them.
enum class RowRole : std::uint8_t { unsaid, train, validation, test };

struct ValidatedNode {
  std::string name;
  const StageInfo* info = nullptr;
  ParamValue params;  ///< checked, defaults filled in
  std::unique_ptr<Stage> stage;
  std::unique_ptr<Stage> asked;       ///< for a node that runs elsewhere, the stage whose infer was called here
  std::vector<ValidatedEdge> inputs;  ///< inputs in the user's order
  std::vector<std::pair<std::string, PortSpec>> outputs;
  std::unordered_map<std::string, std::size_t> output_places;  ///< index in `outputs` by name, as set_output() keeps it
  std::vector<MemoryUse> memory;
  std::vector<MemoryUse> possible_memory;  ///< beyond it, if as many rows come as the stage would take
  std::vector<FileRead> files;
  std::vector<RowsRead> rows_read;  ///< rows that a source says it reads
  std::int64_t accumulates_rows = 0;
  std::vector<NodeSeed> seeds;  ///< seeds by purpose, as infer has named them
  std::vector<std::pair<std::string, std::vector<std::string>>>
      measures;  ///< names of the metrics of each metrics output, where known
  std::vector<std::pair<std::string, std::string>> reports;  ///< the prefix that each metrics input gives
  bool feeds_device = false;                                 ///< what it emits goes to a device other than the host

  /// Sources: blocks and bytes that may be alive at once, after widening; bytes 0 means no limit of its own.
  std::int64_t budget_blocks = 0;
  std::int64_t declared_blocks = 0;
  std::size_t budget_bytes = 0;
  std::size_t declared_bytes = 0;

  /// Rows of a batch over all processes where each has its part of it; 0: this process has every row.
  std::int64_t shared_batch_rows = 0;

  std::int64_t batch_rows = 0;  ///< rows of the batches that come in; 0 when none do
  bool can_be_isolated = false;
  bool isolated = false;                      ///< its stage runs in a process of its own
  std::chrono::milliseconds call_timeout{0};  ///< the longest that one call may take; 0: without end
  /// The same for its constructor, infer and destructor, where nobody waits for others.
  std::chrono::milliseconds making_timeout{0};
  std::string run_path;  ///< what `--set` calls its `run`: "flat.run"

  RowRole role = RowRole::unsaid;  ///< of a source
  bool is_test = false;            ///< rows with `role: test` reach it: no training has it in its graph

  Location where;
  std::vector<ParamPlace>
      param_places;  ///< places of all written parameters, and of what is in maps and in lists of maps

  /// It passes rows on and nothing says how many: a Serial that gives data, unless it does nothing but cut batches.
  bool may_drop_rows() const;
  /// Takes constant time where set_output() has made all outputs.
  const PortSpec* find_output(std::string_view port) const;
  /// That through which it gives a model, as a trainer does; null where none does. Which model that is may be unknown.
  const PortSpec* model_output() const;
  /// The last word counts, and stands last.
  void set_output(std::string_view output, PortSpec spec);
  void clear_outputs();
  /// The innermost part of a parameter that is written; the node where none is.
  const Location& place_of_param(std::string_view path) const;
};

/// The rows of an epoch that `node` has in the process that `ranks` speaks of.
inline RowShare share_of(const ValidatedNode& node, const RankInfo& ranks) {
  if (node.shared_batch_rows == 0) return {};
  return {ranks.rank, ranks.size, node.shared_batch_rows};
}

/// Most rows of a block of a source, and most bytes of one over all its outputs.
std::int64_t block_rows(const ValidatedNode& node);
std::size_t block_bytes(const ValidatedNode& node);

struct ValidatedGraph {
  std::string name;
  std::uint64_t seed = 0;
  DeviceChoice device;
  int threads = 1;  ///< that run at once, whatever was asked for
  /// Why they are fewer than asked for or than the machine has cores, "2 cores by cpu.max of /sys/fs/cgroup"; empty otherwise.
  std::string threads_reason;
  RankInfo ranks;
  std::uint32_t epochs = 1;
  std::uint32_t first_epoch = 1;          ///< later for a run that goes on from a checkpoint; 0 where `epochs` is 0
  std::uint32_t last_epoch = UINT32_MAX;  ///< of a run that goes on and had decided by then to end before `epochs`
  std::uint32_t epochs_ahead = 1;
  bool is_kept = false;                ///< the run leaves a folder
  std::size_t config_bytes = 0;        ///< about as many has the text of the resolved config
  std::string config_hash;             ///< SHA-256 of the resolved config without origins
  std::vector<ValidatedNode> nodes;    ///< nodes in topological order, ties in the user's order
  std::vector<ReportedPort> reported;  ///< ports in the order in which the history shows them
  std::vector<ReportedPort> tested;    ///< those of nodes of the test set, which no history has

  const PortSpec& spec_of(const ValidatedEdge& edge) const {
    return *nodes[edge.from_node].find_output(edge.from_port);
  }
  /// It gives a model, takes none, and is no source, which has one from elsewhere.
  bool is_trainer(const ValidatedNode& node) const;
  /// It takes a model, and gives metrics and no model.
  bool is_evaluator(const ValidatedNode& node) const;
};

/// Those that add something up over the processes of a run.
std::size_t communicating_nodes(const ValidatedGraph& graph);
std::vector<std::string> node_names(const ValidatedGraph& graph);

}  // namespace millrace::pipelines
