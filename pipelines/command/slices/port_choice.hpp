// `NODE.PORT` on the command line: which output of a graph it means.
#pragma once

#include "command/loading/checked_config.hpp"
#include "slice/slice.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

struct ChosenPort {
  OutputName output;
  std::string field;  ///< empty: all
};

/// `train_batches`, the only output of a node; `train.images`; `train_batches.out.inputs`, a field of a record. A chain's name means the last of its
/// stages. Throws Error of kind usage, which says what there is: unknown-node, unknown-output, unknown-field.
ChosenPort choose_port(const CheckedConfig& checked, const std::string& text);

/// All that may be meant, for completion: "train.images".
std::vector<std::string> port_names(const CheckedConfig& checked);

}  // namespace millrace::pipelines
