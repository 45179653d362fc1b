// What a run ran in, as environment.json says it.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run_info.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// How a run was started.
struct RunStart {
  std::string config;  ///< file, or "-"
  std::vector<std::string> command;
  std::chrono::system_clock::time_point time;
};

/// One object: time, command, folder and host; versions, processor and device; identity of plugins and data, bits class; commit of the config's
/// folder; variables that begin with MILLRACE_, and no others.
std::string environment_json(const ValidatedGraph& graph, const RunInfo& info, const RunStart& start);

/// "2026-01-31T12:00:00.250Z", and back. Nothing for what is no such text.
std::string time_text(std::chrono::system_clock::time_point time);
std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text);

}  // namespace millrace::pipelines
