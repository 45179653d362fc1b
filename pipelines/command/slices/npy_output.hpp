// `-o FILE.npy`: rows as a NumPy file, which is there whole or not at all.
#pragma once

#include <millrace/files/atomic_file.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace millrace::pipelines {

class NpyOutput {
 public:
  /// Throws what AtomicFile throws.
  NpyOutput(const std::string& path, DType dtype, std::int64_t rows, const RowShape& row_shape);
  void write(std::span<const std::byte> values) { file_.write(values); }
  /// All rows have been written: the file gets its name.
  void finish() { file_.replace(); }

 private:
  AtomicFile file_;
};

}  // namespace millrace::pipelines
