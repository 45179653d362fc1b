// Picks a file from the data set's table by split and role, and compares the counts of images and labels.
#include "idx_choice.hpp"

#include "dataset_file.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::stages {

const DatasetFile& file_of(const IdxChoice& choice, std::string_view role) {
  const auto& files = choice.dataset->files;
  return *std::find_if(files.begin(), files.end(),
                       [&](const DatasetFile& f) { return f.split == choice.split && f.role == role; });
}

IdxData load_by_name(const IdxChoice& choice, std::string_view role, const IdxRows& rows) {
  return read_dataset_file(*choice.dataset, file_of(choice, role), rows);
}

void require_equal_counts(const IdxChoice& choice, std::int64_t images, std::int64_t labels) {
  if (images == labels) return;
  throw Error(ErrorKind::data, "rows-mismatch",
              fmt::format("{} has {}, {} has {} (at byte 4 of each)", choice.images, counted(images, "row"),
                          choice.labels, labels),
              "images and labels must be of the same split of the same data set");
}

}  // namespace millrace::stages
