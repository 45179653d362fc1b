// Stages whose work is done in a process of their own. To the run they are stages like all others.
#pragma once

#include <millrace/registry.hpp>
#include <millrace/stage.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

struct Isolation {
  const StageInfo* stage = nullptr;
  ParamValue params;
  std::vector<std::pair<std::string, PortSpec>> outputs;  ///< outputs as infer has promised them
  std::string worker_program;                             ///< the program that serves stages
  std::chrono::milliseconds limit{300'000};               ///< the longest that one call may take
  /// Told what goes wrong where nothing may be thrown: while the stage closes or is destroyed.
  std::function<void(std::exception_ptr)> fail;
  std::vector<std::pair<std::string, std::uint64_t>> seeds = {};  ///< by purpose
};

/// A Source, Transform or Serial, as the stage is. It starts its process when it is opened. No two of its calls overlap, those
/// of a Transform neither. Throws what the stage throws, and what StageProcess::call does. `infer` does nothing.
std::unique_ptr<Stage> make_isolated_stage(Isolation isolation);

}  // namespace millrace::pipelines
