// Where an idx_loader's data are: in a data set that has a name, or in files.
#pragma once

#include "idx_file.hpp"

#include <millrace/dataset.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::stages {

/// Where a node's data are: a data set by name, or paths.
struct IdxChoice {
  const DatasetInfo* dataset = nullptr;
  std::string split, images, labels;  ///< labels: empty when there are none
};

/// The file of a named data set for `role`, "images" or "labels".
const DatasetFile& file_of(const IdxChoice& choice, std::string_view role);
/// Its rows, verified. Throws as read_dataset_file() does.
IdxData load_by_name(const IdxChoice& choice, std::string_view role, const IdxRows& rows);
/// Throws Error("rows-mismatch", data) unless there is a label for each image.
void require_equal_counts(const IdxChoice& choice, std::int64_t images, std::int64_t labels);

}  // namespace millrace::stages
