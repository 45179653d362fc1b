// What a graph will take: bytes of every edge, parameters of every model, budgets, and a bound on memory.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

std::string plan_text(const ValidatedGraph& graph, const StageRegistry& registry);
/// Canonical: one text for one plan, with `plan_sha256`, which plan_digest() has made of it.
std::string plan_json(const ValidatedGraph& graph, const StageRegistry& registry);
/// What plan_text and plan_json name: the same on every machine where the config means the same.
std::string plan_sha256(const ValidatedGraph& graph, const StageRegistry& registry);
/// One of them on standard output.
void print_plan(const ValidatedGraph& graph, const StageRegistry& registry, bool json);

}  // namespace millrace::pipelines
