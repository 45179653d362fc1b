// A config as it was read: nodes, edges and parameters with their places in the user's text. Nothing is checked against a
// stage yet.
#pragma once

#include "config/document/document.hpp"
#include "diagnostics/diagnostics.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// `in: {inputs: train_inputs}` or `in: train.images`. An empty from_port means the only output.
struct EdgeSpec {
  std::string port;  ///< "" when the user named none: the stage's only input
  std::string from_node, from_port;
  Location where;       ///< place of the reference
  Location port_where;  ///< place of the port's name, if written
};

struct NodeSpec {
  std::string name, stage;
  std::string chain;     ///< the chain it was expanded from, or ""
  Location where;        ///< place of the node's name
  Location stage_where;  ///< place of the stage's name
  std::vector<EdgeSpec> in;
  Location in_where;
  DocNode with;              ///< parameters, unchecked; null or a map
  DocNode seed;              ///< unchecked; null where the run's is drawn from
  DocNode role;              ///< unchecked; null where it follows from who takes the rows
  DocNode run;               ///< blocks, bytes, isolate, timeout; of every stage of a chain what its node says
  bool is_captured = false;  ///< what it gives is used, though no other node may take it: a slice ends here
};

/// What is kept of a run in a folder of its own.
struct KeepSpec {
  bool is_kept = true;
  std::uint64_t every_steps = 0;  ///< 0: checkpoints at ends of epochs alone
  double every_seconds = 0;       ///< 0: not by time
  std::size_t last = 2;           ///< checkpoints that stay
  std::string monitor;  ///< the metric by which an epoch is the best; empty: the one that runs are compared by
  bool is_largest_best = false;
  Location monitor_where;
  bool has_events = false;           ///< for TensorBoard
  bool ends_at_failed_save = false;  ///< a checkpoint that cannot be kept ends the run
};

struct GraphSpec {
  std::string name;
  std::uint64_t seed = 0;
  std::string device = "auto";
  Location device_where;
  int threads = 0;  ///< 0: auto
  std::uint32_t epochs = 1;
  std::uint32_t epochs_ahead = 1;
  KeepSpec keep;
  std::vector<std::string> plugins;
  std::vector<Location> plugins_where;
  std::vector<NodeSpec> nodes;  ///< chains expanded, in the user's order
  DocNode resolved;             ///< the whole document after overrides, with origins, for `show` and the config hash
};

}  // namespace millrace::pipelines
