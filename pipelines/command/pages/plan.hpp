// What a graph will take: bytes of every edge, parameters of every model, budgets, and a bound on memory.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

std::string plan_text(const ValidatedGraph& graph);
std::string plan_json(const ValidatedGraph& graph, const StageRegistry& registry);
/// One of them on standard output.
void print_plan(const ValidatedGraph& graph, const StageRegistry& registry, bool json);

}  // namespace millrace::pipelines
