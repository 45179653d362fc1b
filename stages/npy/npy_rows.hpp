// A NumPy file as rows that are read from front to back.
#pragma once

#include "rows/row_file.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace millrace::stages {

/// The first dimension counts the rows, of which there must be one. Integers of 64 bits become i32. Throws Error of kind data: what
/// read_npy_header throws, npy-shape (no rows); what is read throws npy-size, npy-range (an integer that i32 does not hold), file-changed.
std::unique_ptr<RowFile> open_npy_rows(const std::string& path, std::uint64_t max_bytes);

}  // namespace millrace::stages
