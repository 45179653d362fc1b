// Which sources wait for which, because rows of the one are held until a whole epoch of the other is over.
#pragma once

#include <millrace/stage_descriptor.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A node as far as this is concerned. Inputs come from nodes that stand before it.
struct FlowNode {
  struct Input {
    std::string port;
    std::size_t from = 0;
    bool carries_rows = true;
  };
  bool is_source = false;
  std::vector<Input> inputs;
  std::vector<StageDescriptor::Wait> waits;
};

/// `holder` keeps rows of `source` until something has come for which `other` has to make a whole epoch.
struct SourceWait {
  std::size_t source, other, holder;
  StageDescriptor::Wait ports;
};

/// One for each pair of sources, that of the first holder; a source may wait for itself.
std::vector<SourceWait> source_waits(const std::vector<FlowNode>& nodes);

/// By node: those that it waits for, directly or because others do.
std::vector<std::vector<std::size_t>> waits_in_turn(const std::vector<SourceWait>& waits, std::size_t nodes);

}  // namespace millrace::pipelines
