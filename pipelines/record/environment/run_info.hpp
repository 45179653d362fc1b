// What a run is made of besides its config: plugins, data, and everything else that its bits depend on.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A plugin of which the graph uses stages, other than the built-in one.
struct UsedPlugin {
  std::string name, version, file, sha256;
  std::vector<std::string> stages;  ///< those used, each once, in the order of the graph
};

/// What a source reads. `sha256` is over all of its files, one after the other: over everything up to 256 MiB, over their
/// sizes and 64 samples of 64 KiB at fixed places beyond. Empty when the source names no file.
struct DataInfo {
  std::string node;
  std::int64_t rows = -1;  ///< rows of an epoch over all processes; negative when unknown
  std::vector<std::string> files;
  std::string sha256;
  bool whole = true;
  /// The digest is what the stage will insist on, of files that nobody has read yet.
  bool promised = false;

  /// For a comparison: "60000 rows, 2 files, sha256 ab.." without the paths.
  std::string text() const;
};

struct RunInfo {
  std::vector<UsedPlugin> plugins;
  std::vector<DataInfo> data;
  /// Digest of instruction set, oneDNN, build, kind of device, GPU and CUDA runtime, precisions and reductions: runs of one
  /// config, seed, data and plugins give the same bits where this is the same.
  std::string bits_class;
};

std::vector<UsedPlugin> used_plugins(const ValidatedGraph& graph);
/// Reads the files. Throws what InputFile throws.
std::vector<DataInfo> data_of(const ValidatedGraph& graph);
/// Digest of what the test set is: its files, as above, and what the config says.
std::string test_set_sha256(const ValidatedGraph& graph);
std::string bits_class_of(const ValidatedGraph& graph);
/// All of it.
RunInfo info_of(const ValidatedGraph& graph);

}  // namespace millrace::pipelines
