// Rows that nobody wants are read all the same, in pieces.
#include "row_file.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <vector>

namespace millrace::stages {
namespace {

constexpr std::size_t kSkippedBytes = std::size_t{1} << 20;

std::shared_ptr<std::byte> memory_for(const std::string& path, std::size_t bytes) {
  try {
    const std::shared_ptr<std::byte[]> rows = std::make_shared_for_overwrite<std::byte[]>(bytes);
    return {rows, rows.get()};
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::run, "out-of-memory",
                fmt::format("{}: cannot allocate {} for the data", path, counted(bytes, "byte")),
                "`rows: [first, count]` takes fewer of them; `pipeline-run plan` tells what else takes memory");
  }
}

}  // namespace

void skip_rows(RowFile& file, std::int64_t rows) {
  std::vector<std::byte> piece;
  const std::size_t row_bytes = file.spec().stored_row_bytes();
  const auto at_once =
      static_cast<std::int64_t>(std::max<std::size_t>(1, kSkippedBytes / std::max<std::size_t>(1, row_bytes)));
  for (std::int64_t left = rows; left > 0;) {
    const std::int64_t count = std::min(left, at_once);
    piece.resize(static_cast<std::size_t>(count) * row_bytes);
    file.read(piece.data(), count);
    left -= count;
  }
}

std::shared_ptr<const std::byte> read_rows(RowFile& file, const std::string& path, std::int64_t first,
                                           std::int64_t count) {
  skip_rows(file, first);
  std::shared_ptr<std::byte> rows =
      memory_for(path, checked_multiply(static_cast<std::uint64_t>(count), file.spec().stored_row_bytes()));
  file.read(rows.get(), count);
  skip_rows(file, file.rows() - first - count);
  file.finish();
  return rows;
}

void require_as_checked(const std::string& path, const TensorSpec& found, std::int64_t found_rows,
                        const TensorSpec& promised, std::int64_t promised_rows) {
  if (found.dtype == promised.dtype && found.row_shape == promised.row_shape && found_rows == promised_rows) return;
  throw Error(
      ErrorKind::data, "file-changed",
      fmt::format("{}: now holds {} of {}, it held {} of {} when the config was checked", path,
                  counted(found_rows, "row"), found.describe(), counted(promised_rows, "row"), promised.describe()),
      "wait until the file is complete, then run again");
}

}  // namespace millrace::stages
