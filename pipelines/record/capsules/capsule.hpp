// A failure capsule: what a call of a stage was given that has thrown, in a folder of its own, so that it can be made once more.
//
//   capsule.json             the node with all parameters, where the call stands, what it has thrown, what each input carried
//   inputs/PORT.FIELD.npy    stored values of a field; inputs/PORT.npy of a port that carries one tensor
//   state.bin                for a stage that keeps a state: the last one that was saved before, a safetensors file of its entries
#pragma once

#include "record/environment/run_info.hpp"
#include "run/report/stop_state.hpp"

#include <millrace/error.hpp>
#include <millrace/metrics.hpp>
#include <millrace/param.hpp>
#include <millrace/stage_descriptor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

inline constexpr int kCapsuleFormat = 1;
inline constexpr const char* kCapsuleFile = "capsule.json";
inline constexpr const char* kCapsuleInputs = "inputs";
inline constexpr const char* kCapsuleState = "state.bin";

/// What came at an input port.
struct CapsuleInput {
  std::string port;
  PortSpec spec;
  std::int64_t rows = 0;
  std::uint64_t first_row = 0;
  bool last_in_epoch = false;
  std::vector<std::uint64_t> ids;
  std::vector<std::string> files;  ///< in `inputs`, one a field
  std::optional<Metrics> metrics;  ///< of a port of metrics
};

struct Capsule {
  std::string node, stage, call;
  std::optional<UsedPlugin> plugin;  ///< none: the stage is Millrace's own
  ParamValue params;
  std::uint64_t seed = 0;  ///< the run's
  std::vector<NodeSeed> seeds;
  std::uint32_t epochs = 1;
  std::string device = "cpu";
  bool isolated = false;
  double timeout = 0;  ///< seconds that a call may take; 0: without end
  int rank = 0, ranks = 1;
  std::string folder;    ///< in which the run was started: paths in parameters begin there
  std::string millrace;  ///< version
  RunPosition at;
  Problem error;
  std::vector<CapsuleInput> inputs;  ///< none for a source; for `open` without rows
};

}  // namespace millrace::pipelines
