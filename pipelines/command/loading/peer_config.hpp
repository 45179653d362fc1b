// Whether all processes of a run have the same config, before any of them moves data.
#pragma once

#include "checked_config.hpp"
#include "record/environment/run_info.hpp"

#include <millrace/peers.hpp>

namespace millrace::pipelines {

/// Compares what every rank has checked. Returns 0 when all may run; otherwise the exit code, the reason being told: by
/// each rank that alone has errors, else by rank 0, which also names ranks whose config or build differs.
int agree_on_config(Peers& peers, const CheckedConfig& checked, const VerbOptions& options);

/// Compares the rows and digests of what every rank reads, by source; as above. Names rank, source and both values.
int agree_on_data(Peers& peers, const ValidatedGraph& graph, const std::vector<DataInfo>& data,
                  const VerbOptions& options);

/// Tells the warnings of rank 0, and those of every rank that has others, such as a plugin that lies twice on its machine.
void tell_peer_warnings(Peers& peers, const Diagnostics& checked, const VerbOptions& options, bool quiet);

/// Writes errors to standard error; of a run over several processes with the rank before them.
void write_errors(const Diagnostics& diagnostics, const VerbOptions& options, const Peers* peers);

}  // namespace millrace::pipelines
