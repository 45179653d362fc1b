// How much memory a run may take, term by term, and whether there is so much.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"
#include "run/runner.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A bound on what a run takes, in bytes: of its process, and of the processes of isolated stages.
struct MemoryBound {
  struct NodeBytes {
    std::string node;
    std::size_t working = 0;  ///< what the stage declared in infer, and what a process of its own takes
    std::size_t flowing = 0;  ///< rows that can be alive x bytes a row, over its outputs
    std::size_t models = 0;   ///< snapshots that can be alive
    bool on_device = false;   ///< the device's memory, which is not the host's, holds what it works on
    std::size_t total() const { return working + flowing + models; }
  };
  std::vector<NodeBytes> nodes;
  std::size_t program = 0;  ///< what the process holds before data move, and what its libraries add once they work
  std::size_t threads = 0;  ///< stacks, and what libraries keep for each
  std::size_t history = 0;  ///< what is kept of every epoch for the report
  std::size_t total = 0;
  /// The part of it that the host's memory must hold.
  std::size_t on_host() const;
};

/// `resident_bytes`: what the process holds now, the config read and its plugins loaded.
MemoryBound memory_bound(const ValidatedGraph& graph, std::size_t resident_bytes);
/// By how much the bound grew in a run that widened budgets, which no plan has counted.
std::size_t bytes_beyond_bound(const ValidatedGraph& graph, const std::vector<WidenedBudget>& widened);
/// For the process that asks, as it is now.
MemoryBound memory_bound(const ValidatedGraph& graph);

/// Error("too-little-memory", config) at the node that takes most, where the bound is above what the machine, the control
/// groups and the limits of this process leave; says what to lower.
void check_memory(const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
