// The SHA-256 by which two plans are told apart, on any machine.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace millrace::pipelines {

/// `plan` with its keys in the order of their bytes, at every level.
nlohmann::ordered_json with_sorted_keys(const nlohmann::ordered_json& plan);

/// Of a plan's canonical text: keys in the order of their bytes, no space, UTF-8. Left out is what another machine may have otherwise though it would
/// train the same: device, threads, memory, and where plugins lie.
std::string plan_digest(const nlohmann::ordered_json& plan);

}  // namespace millrace::pipelines
