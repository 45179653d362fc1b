// An IDX file as rows that are read from front to back.
#pragma once

#include "rows/row_file.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace millrace::stages {

/// Throws as read_idx_header does; what is read throws idx-size, finish() also gzip-limit and file-changed.
std::unique_ptr<RowFile> open_idx_rows(const std::string& path, std::uint64_t max_bytes);

}  // namespace millrace::stages
