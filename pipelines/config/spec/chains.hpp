// Chains: reusable runs of stages with one input and one output.
#pragma once

#include "config/document/document.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// One stage of a chain.
struct ChainItem {
  std::string instance;  ///< its part of the node's name: the stage, or <stage>_2 for a repeat
  std::string stage;
  Location where;                 ///< place of the stage's name
  const DocNode* with = nullptr;  ///< null when the user gave no parameters
};

/// The stages of a chain's list; what is not `stage` or `stage: {...}` is reported and left out.
std::vector<ChainItem> chain_items(const DocNode& chain, Diagnostics& diagnostics);
/// The same for a chain that is reported elsewhere.
std::vector<ChainItem> chain_items(const DocNode& chain);

}  // namespace millrace::pipelines
