// How much memory a run may take, term by term.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A bound on what a run takes, in bytes: of its process, and of the processes of isolated stages.
struct MemoryEstimate {
  struct NodeBytes {
    std::string node;
    std::size_t working = 0;  ///< what the stage declared in infer, and what a process of its own takes
    std::size_t apart = 0;    ///< what of `working` lies in that process alone
    std::size_t process = 0;  ///< what of `working` that process takes before the stage works, shared packets included
    std::size_t flowing = 0;  ///< rows that can be alive x bytes a row, over its outputs
    std::size_t models = 0;   ///< snapshots that can be alive
    bool on_device = false;   ///< the device's memory, which is not the host's, holds what it works on
    std::size_t total() const { return working + flowing + models; }
  };
  std::vector<NodeBytes> nodes;
  std::size_t program = 0;  ///< what the process holds before data move, and what its libraries add once they work
  std::size_t threads = 0;  ///< stacks, and what libraries keep for each
  std::size_t history = 0;  ///< what is kept of every epoch for the report
  std::size_t kept = 0;     ///< checkpoints on their way to the disk, and the rest of what a run folder is written from
  std::size_t total = 0;
  /// The part of it that the host's memory must hold.
  std::size_t on_host() const;
  /// The part of that which lies in the run's own process.
  std::size_t in_own_process() const;
};

/// Blocks of a source that may be alive, by its node's name.
using BlocksBySource = std::map<std::string, std::int64_t>;

/// `resident_bytes`: what the process holds now, the config read and its plugins loaded.
MemoryEstimate memory_estimate(const ValidatedGraph& graph, std::size_t resident_bytes);
/// For the process that asks, as it is now.
MemoryEstimate memory_estimate(const ValidatedGraph& graph);
/// By how much the bound grows in a run that widens the budgets of these sources, which no plan has counted.
std::size_t bytes_beyond_estimate(const ValidatedGraph& graph, const BlocksBySource& widened);

}  // namespace millrace::pipelines
