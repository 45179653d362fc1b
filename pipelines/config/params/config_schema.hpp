// The keys of a config outside of its nodes' parameters, described with the same types as parameters are.
#pragma once

#include <millrace/param.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// version, name, seed, device, threads, epochs, epochs_ahead, keep, plugins. The keys that hold structure are not among them.
const std::vector<Param>& top_level_params();
/// Every top-level key, those that hold structure (extends, chains, graph) included.
const std::vector<std::string>& top_level_keys();
/// What `run` of a node takes: blocks and bytes for a source, isolate and timeout for every stage that can be isolated.
const std::vector<Param>& run_params();
/// blocks or bytes: a budget, which only a source has.
bool is_budget(std::string_view run_param);
/// `seed` of a node.
const Param& node_seed_param();
/// `role` of a node: what its rows are for.
const Param& node_role_param();
bool is_top_level_key(std::string_view);
bool is_node_key(std::string_view);
/// `x-...`: free for the user, read by nobody.
bool is_free_key(std::string_view);

}  // namespace millrace::pipelines
