// `init_from: RUN` of a trainer: the run's weights as a file, before anything is checked.
#pragma once

#include "config/spec/graph_spec.hpp"
#include "config/spec/overrides.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// An override for each parameter `init_from` that names a run, by name, folder or `last`, and no file: it puts the file in its place, so that the
/// resolved config, its hash and whoever goes on with the new run mean the same weights. Which those are: what the run has restored at its end; else, where it
/// monitors a metric, that of its best epoch, as best_checkpoints has it; else its newest checkpoint. What names nothing is reported as unknown-run. `runs`: where runs are; empty for the usual folder.
std::vector<Override> initial_run_files(const GraphSpec& spec, const std::string& runs, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
