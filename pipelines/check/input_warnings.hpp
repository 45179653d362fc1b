// What stages warn of at their inputs, told once however many nodes see it.
#pragma once

#include "diagnostics/diagnostics.hpp"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace millrace::pipelines {

/// Collects them while nodes are inferred. A trainer and its evaluator that say the same in the same words have one cause.
class InputWarnings {
 public:
  /// `node`: "`learn` (trainer)". The message of `warning` does not name it yet.
  void add(std::string node, Diagnostic warning);
  /// Hands them over: each at the first place that has it, naming all nodes, with the other places as notes.
  void tell(Diagnostics& diagnostics);

 private:
  struct Place {
    std::string node;
    Location where;
  };
  struct Told {
    Diagnostic warning;
    std::vector<Place> places;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Told> told_;  ///< warnings by name, message and help
};

}  // namespace millrace::pipelines
