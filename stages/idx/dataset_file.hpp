// One file of a data set known by name: found, read and verified.
#pragma once

#include "idx_file.hpp"

#include <millrace/dataset.hpp>

namespace millrace::stages {

/// Throws Error of kind data: dataset-missing (lists every place tried), dataset-mismatch (the content is another), and what
/// read_idx_file throws.
IdxData read_dataset_file(const DatasetInfo& info, const DatasetFile& file, const IdxRows& rows = {});

}  // namespace millrace::stages
