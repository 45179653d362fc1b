// Which seed a node draws from.
#pragma once

#include "checked_graph.hpp"
#include "validated_graph.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace millrace::pipelines {

/// Decides the seed of each purpose that a node has said it draws for. The nodes of one purpose are numbered in the order of
/// the file: the first draws from the run's seed itself, the k-th from `numbered_seed(seed, k)`. A node with a `seed` draws from
/// that, whatever its number is. Reports `unused-seed`: a node that has one and draws nothing.
void number_seeds(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics&);

/// By node and purpose: how many nodes up to this one draw for it.
using SeedNumbers = std::map<std::string, std::map<std::string, std::int64_t>>;
SeedNumbers seed_numbers(const ValidatedGraph& graph);

/// Each purpose of a node gets the number that it has there; others keep theirs. With those of the graph before some nodes were taken away, the
/// nodes left draw what they drew beside them. Whether any of them would draw otherwise without it.
bool set_seed_numbers(const SeedNumbers& numbers, ValidatedGraph& graph);

}  // namespace millrace::pipelines
