// A file of rows that is read from front to back: what the formats have in common.
#pragma once

#include <millrace/byte_reader.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace millrace::stages {

/// One thread at a time. Throws Error of kind data as its format does.
class RowFile {
 public:
  virtual ~RowFile() = default;
  /// What the rows are in memory.
  virtual const TensorSpec& spec() const = 0;
  virtual std::int64_t rows() const = 0;
  /// The next `count` rows, as a tensor of `spec` has them.
  virtual void read(std::byte* to, std::int64_t count) = 0;
  /// After the last row: nothing may follow, and the file must be as it was when it was opened.
  virtual void finish() = 0;
};

/// Reads the next `rows` rows and keeps none of them.
void skip_rows(RowFile& file, std::int64_t rows);

/// Rows `first` to `first + count - 1`, by reading all of the file. Throws Error("out-of-memory", run) where they do not fit into memory.
std::shared_ptr<const std::byte> read_rows(RowFile& file, const std::string& path, std::int64_t first,
                                           std::int64_t count);

/// Throws Error("file-changed", data) unless the file is as it was when the config was checked: somebody may have replaced it since.
void require_as_checked(const std::string& path, const TensorSpec& found, std::int64_t found_rows,
                        const TensorSpec& promised, std::int64_t promised_rows);

}  // namespace millrace::stages
