// Step 3: every check that can be made before data moves; every error at once.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "config/spec/graph_spec.hpp"

namespace millrace::pipelines {

/// Checks the graph against the registry: names, parameters, ports, cycles, sequence domains, starvation, shapes and ranges
/// (by the stages' own infer), budgets, device, and what a run over several processes needs. The result may be run only when `diagnostics`
/// has no errors. `cores`: what `threads: auto` comes down to; 0 for all of this machine's.
ValidatedGraph validate(const GraphSpec& spec, const StageRegistry& registry, Diagnostics& diagnostics,
                        const RankInfo& ranks = {}, int cores = 0);

}  // namespace millrace::pipelines
