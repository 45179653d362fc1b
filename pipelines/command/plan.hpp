// What a graph will take: bytes of every edge, parameters of every model, budgets, and a bound on memory.
#pragma once

#include "check/validated_graph.hpp"
#include "command.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A bound on what a run allocates, term by term.
struct MemoryBound {
  struct NodeBytes {
    std::string node;
    std::size_t working = 0;  ///< what the stage declared in infer
    std::size_t flowing = 0;  ///< rows that can be alive x bytes a row, over its outputs
    std::size_t models = 0;   ///< snapshots that can be alive
    std::size_t total() const { return working + flowing + models; }
  };
  std::vector<NodeBytes> nodes;
  std::size_t total = 0;
};
MemoryBound memory_bound(const ValidatedGraph& graph);

/// Bytes of one row of all fields of a port, as stored, without ids.
std::size_t row_bytes(const PortSpec& port);

std::string plan_text(const ValidatedGraph& graph);
std::string plan_json(const ValidatedGraph& graph);
/// Text or JSON on standard output. Returns 0.
int print_plan(const ValidatedGraph& graph, const CommandOptions& options);

}  // namespace millrace::pipelines
