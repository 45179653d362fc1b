// Data sets by name: what they look like, what their bytes hash to, where they are looked for and where they come from.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/error.hpp>
#include <millrace/tensor.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// One IDX file of a data set.
struct DatasetFile {
  std::string split;        ///< "train", "test"
  std::string role;         ///< "images", "labels"
  std::string stem;         ///< "train-images-idx3-ubyte"; found as it is or with ".gz"
  std::uint64_t bytes = 0;  ///< decompressed
  std::string sha256;       ///< hash of the decompressed bytes, so that every honest copy passes
  std::int64_t rows = 0;
};

struct DatasetInfo {
  std::string name;   ///< "mnist"
  std::string title;  ///< "MNIST handwritten digits"
  std::string license;
  RowShape image_shape;
  std::vector<std::string> class_names;  ///< names in the order of the labels
  std::vector<DatasetFile> files;
  std::vector<std::string> mirrors;  ///< base addresses; a file is at <base>/<stem>.gz
  std::string debian_package;        ///< "" when there is none
};

/// Null when unknown.
MILLRACE_EXPORT const DatasetInfo* find_dataset(std::string_view name);
MILLRACE_EXPORT std::vector<std::string> dataset_names();

/// Folder into which `fetch` puts a data set: $MILLRACE_DATA_DIR/<name>, or ${XDG_CACHE_HOME:-~/.cache}/millrace/datasets/<name>.
MILLRACE_EXPORT std::string dataset_cache_folder(const DatasetInfo&);
/// Folders in which a data set is looked for, in order: $MILLRACE_DATA_DIR/<name>, our cache, torchvision's
/// (./data/MNIST/raw), Debian's (/usr/share/datasets/...).
MILLRACE_EXPORT std::vector<std::string> dataset_folders(const DatasetInfo&);
/// Path of a file of the data set, raw or .gz, in the first folder that has it; empty when none has.
MILLRACE_EXPORT std::string locate_dataset_file(const DatasetInfo&, const DatasetFile&);
/// Error("dataset-missing", data) for a file that is in none of them: every folder, how to get the file, and which of the other
/// data sets is here. Says nothing of whether it is missing.
MILLRACE_EXPORT Error missing_dataset_file(const DatasetInfo&, const DatasetFile&);

}  // namespace millrace
