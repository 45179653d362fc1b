// Every kind of input that the descriptor of a stage admits and its infer accepts.
#pragma once

#include <millrace/stage_descriptor.hpp>
#include <millrace/testing/suite_case.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

/// One way to connect a stage. A source has a single one, without inputs.
struct InputForm {
  std::string text;  ///< "in: f32 [n, 3] in [-2, 6]"
  std::vector<std::pair<std::string, PortSpec>> inputs;
};

struct InputForms {
  std::vector<InputForm> accepted;
  std::string refusal;  ///< why the first one that was tried was refused, if it was
};
InputForms forms_of(const SuiteCase& one);

/// Rows of the blocks of each epoch.
using Scenario = std::vector<std::vector<std::int64_t>>;

/// The form as infer is to see it: rows of an epoch where all epochs have as many, and the largest block.
PortSpec with_rows(PortSpec port, const Scenario& scenario);

}  // namespace millrace::testing
