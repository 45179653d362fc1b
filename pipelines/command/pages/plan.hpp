// What a graph will take: bytes of every edge, parameters of every model, budgets, and a bound on memory.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "command/line/command.hpp"
#include "command/loading/checked_config.hpp"

#include <string>

namespace millrace::pipelines {

std::string plan_text(const ValidatedGraph& graph);
std::string plan_json(const ValidatedGraph& graph, const StageRegistry& registry);
/// Text or JSON on standard output. Returns 0.
int print_plan(const CheckedConfig& checked, const CommandOptions& options);

}  // namespace millrace::pipelines
