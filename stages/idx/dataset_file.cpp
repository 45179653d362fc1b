// First the size that the header declares, then the SHA-256 of the content; a file that belongs to another known data set is called by its name.
#include "dataset_file.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace millrace::stages {
namespace {

[[noreturn]] void report_other(const DatasetInfo& info, const DatasetFile& file, const std::string& path,
                               const std::string& what) {
  throw Error(
      ErrorKind::data, "dataset-mismatch",
      fmt::format("{}: expected {} of {}, but {}", path, file.stem, info.title, what),
      fmt::format("remove the file and run `pipeline-run fetch {}`, or name the files with `images` and `labels`",
                  info.name));
}

// The two data sets have the same names, shapes and sizes, and each trains under the other's name without complaint.
std::string whose_content(const std::string& sha256) {
  for (const std::string& name : dataset_names())
    for (const DatasetFile& file : find_dataset(name)->files)
      if (file.sha256 == sha256) return fmt::format("its content is {} of {}", file.stem, find_dataset(name)->title);
  return "its content is not that of any data set known here";
}

void require_declared_size(const DatasetInfo& info, const DatasetFile& file, const std::string& path) {
  ByteReader reader(path);
  const IdxHeader header = read_idx_header(reader, UINT64_MAX);
  const std::uint64_t bytes = header.header_bytes + header.payload_bytes;
  if (bytes == file.bytes) return;
  report_other(info, file, path, fmt::format("it declares {} bytes, not {}", bytes, file.bytes));
}

}  // namespace

// The hash is of the content, so a file that somebody has compressed again passes, and one under a wrong name does not.
IdxData read_dataset_file(const DatasetInfo& info, const DatasetFile& file, const IdxRows& rows) {
  const std::string path = locate_dataset_file(info, file);
  if (path.empty()) throw missing_dataset_file(info, file);
  require_declared_size(info, file, path);
  IdxData data = read_idx_file(path, file.bytes, rows, true);
  if (data.sha256 != file.sha256) report_other(info, file, path, whose_content(data.sha256));
  return data;
}

}  // namespace millrace::stages
