// A model as files of other programs.
#pragma once

#include "kept_model.hpp"

#include <millrace/files/model_use.hpp>

#include <string>

namespace millrace::pipelines {

/// Where it goes, and whether what is there is replaced.
struct ExportTarget {
  std::string path;
  bool force = false;
};

/// Throws Error(export-exists, output) where something is there and is not to be replaced.
void require_free(const ExportTarget& target);

/// All of them write whole files or none, and throw export-exists too and what AtomicFile throws. They return how many bytes were written.
std::uint64_t write_export(const ExportTarget& target, const std::string& content);
/// The weights alone, as a checkpoint names them, with what the run has put into its metadata, and `epoch`, `node`, `weights_sha256`, and of `uses` how this model is
/// used: that is what a Predictor reads.
std::uint64_t write_safetensors_export(const ExportTarget& target, const KeptModel& kept,
                                       const SafetensorsMetadata& uses);
/// A folder with a file for each tensor: `0.weight.npy`. With `force` those files are replaced in a folder that is there, and others stay.
std::uint64_t write_npy_export(const ExportTarget& target, const KeptModel& kept);

}  // namespace millrace::pipelines
