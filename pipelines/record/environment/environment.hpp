// What a run ran in, as environment.json says it.
#pragma once

#include "check/graph/node_seeds.hpp"
#include "check/graph/validated_graph.hpp"
#include "run_info.hpp"

#include <millrace/files/checkpoint.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// By which value runs and their checkpoints are compared.
struct Monitor {
  std::string metric;  ///< empty: none was chosen
  bool is_largest_best = false;
};

/// The run from whose checkpoint another one goes on with another config.
struct ParentRun {
  std::string run;  ///< its folder
  CheckpointPosition at;
};

/// How a run was started.
struct RunStart {
  std::string config;  ///< file, or "-"
  std::vector<std::string> command;
  std::chrono::system_clock::time_point time;
  Monitor monitor = {};
  std::optional<ParentRun> parent = {};
  SeedNumbers seed_numbers = {};  ///< where config.yaml alone would give others
};

/// One object: time, command, folder and host; versions, processor and device; identity of plugins and data, bits class; commit of the config's
/// folder; by which metric runs are compared, how rows are put in order, and the parent; variables that begin with MILLRACE_, and no others.
std::string environment_json(const ValidatedGraph& graph, const RunInfo& info, const RunStart& start);

/// "2026-01-31T12:00:00.250Z", and back. Nothing for what is no such text.
std::string time_text(std::chrono::system_clock::time_point time);
std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text);

}  // namespace millrace::pipelines
