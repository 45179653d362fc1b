// Which seed a node draws from.
#pragma once

#include "checked_graph.hpp"
#include "validated_graph.hpp"

namespace millrace::pipelines {

/// Decides the seed of each purpose that a node has said it draws for. The nodes of one purpose are numbered in the order of
/// the file: the first draws from the run's seed itself, the k-th from `numbered_seed(seed, k)`. A node with a `seed` draws from
/// that, whatever its number is. Reports `unused-seed`: a node that has one and draws nothing.
void number_seeds(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics&);

/// `graph` is `whole` without some nodes: each purpose of a node gets the number that it has there, so that the nodes left draw what
/// they drew beside the others. Whether any of them would draw otherwise without it.
bool keep_seed_numbers(const ValidatedGraph& whole, ValidatedGraph& graph);

}  // namespace millrace::pipelines
