// A config on its way from a path to a graph that may run: read, plugins loaded, built, checked.
#pragma once

#include "check/graph/node_seeds.hpp"
#include "check/graph/validated_graph.hpp"
#include "config_options.hpp"
#include "diagnostics/diagnostics.hpp"

#include <millrace/peers.hpp>
#include <millrace/registry.hpp>

#include <memory>

namespace millrace::pipelines {

struct CheckedConfig {
  CheckedConfig() = default;
  /// Stages that have not run are destroyed one by one, so that one that crashes there is told by name.
  ~CheckedConfig();
  CheckedConfig(const CheckedConfig&) = delete;
  CheckedConfig& operator=(const CheckedConfig&) = delete;

  StageRegistry registry;  ///< outlives the graph
  Diagnostics diagnostics;
  GraphSpec spec;
  ValidatedGraph graph;  ///< valid only when `diagnostics` has no errors
  bool draws_as_before =
      false;  ///< nodes draw what they drew beside those that `--set` took away; `spec` alone gives other numbers
};

/// Destroys the stages of a graph that has not run, one by one.
void destroy_stages(ValidatedGraph& graph);

/// Nodes draw by these numbers, whatever others stand before them in the file; the hash of the config tells.
void keep_draws(const SeedNumbers& numbers, CheckedConfig& checked);

/// Reads, completes and checks `options.config`. Errors of the config are in the result; throws for those of `--plugin`.
/// `peers` may be null.
std::unique_ptr<CheckedConfig> check_config(const ConfigOptions& options, const Peers* peers = nullptr);
/// For those who say whether a config could run here: warns of data sets that are not here. Errors where `--strict` asks for them.
void look_for_data(CheckedConfig& checked, const ConfigOptions& options);
/// Prints all of its errors and warnings, and as JSON on standard output when asked for, with the plugins that were loaded. Returns
/// the exit code.
int report_errors(const CheckedConfig& checked, const VerbOptions& options);
/// Prints the warnings of a config without errors.
void tell_warnings(const Diagnostics& diagnostics, const VerbOptions& options);

}  // namespace millrace::pipelines
