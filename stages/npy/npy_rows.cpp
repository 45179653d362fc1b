// Values lie in a file as in memory, but for integers of 64 bits.
#include "npy_rows.hpp"

#include <millrace/error.hpp>
#include <millrace/files/npy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

namespace millrace::stages {
namespace {

constexpr std::size_t kAtOnce = std::size_t{1} << 16;  ///< integers that are narrowed together

TensorSpec spec_of(const NpyHeader& header) {
  TensorSpec spec{
      npy_dtype(header.type).value_or(DType::i32), {header.shape.begin() + 1, header.shape.end()}, {}, {}, {}};
  if (spec.dtype == DType::u8) spec.range = ValueRange{0, 255};
  return spec;
}

NpyHeader header_of(ByteReader& reader, std::uint64_t max_bytes) {
  NpyHeader header = read_npy_header(reader, max_bytes);
  const bool is_empty = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  if (!header.shape.empty() && !is_empty) return header;
  throw Error(ErrorKind::data, "npy-shape",
              fmt::format("{}: shape ({}) has no rows with values", reader.path(), fmt::join(header.shape, ", ")),
              "save an array whose first dimension counts rows, and of which none is 0");
}

class NpyRowFile final : public RowFile {
 public:
  NpyRowFile(const std::string& path, std::uint64_t max_bytes)
      : reader_(path), header_(header_of(reader_, max_bytes)), spec_(spec_of(header_)) {}

  const TensorSpec& spec() const override { return spec_; }
  std::int64_t rows() const override { return header_.shape.front(); }
  void read(std::byte* to, std::int64_t count) override {
    const auto elements = static_cast<std::size_t>(count * spec_.stored_elements());
    if (header_.type == NpyType::i8) return read_narrowed(to, elements);
    read_npy_values(reader_, header_, {to, elements * size_of(header_.type)});
  }
  void finish() override { require_npy_end(reader_); }

 private:
  void read_narrowed(std::byte* to, std::size_t elements) {
    for (std::size_t done = 0; done < elements;) {
      wide_.resize(std::min(kAtOnce, elements - done));
      const std::uint64_t first = reader_.position();
      read_npy_values(reader_, header_, std::as_writable_bytes(std::span(wide_)));
      for (std::size_t i = 0; i < wide_.size(); ++i) {
        const std::int32_t value = narrowed(wide_[i], first + i * sizeof(std::int64_t));
        std::memcpy(to + (done + i) * sizeof(value), &value, sizeof(value));
      }
      done += wide_.size();
    }
  }

  std::int32_t narrowed(std::int64_t value, std::uint64_t offset) const {
    using Limits = std::numeric_limits<std::int32_t>;
    if (value >= Limits::min() && value <= Limits::max()) return static_cast<std::int32_t>(value);
    const std::uint64_t row_bytes = header_.payload_bytes / static_cast<std::uint64_t>(rows());
    throw Error(ErrorKind::data, "npy-range",
                fmt::format("{}: at byte {}: {} in row {} does not fit into 32 bits", reader_.path(), offset, value,
                            (offset - header_.header_bytes) / row_bytes),
                "integers of 64 bits are read as i32: save smaller ones, or floats");
  }

  ByteReader reader_;
  NpyHeader header_;
  TensorSpec spec_;
  std::vector<std::int64_t> wide_;
};

}  // namespace

std::unique_ptr<RowFile> open_npy_rows(const std::string& path, std::uint64_t max_bytes) {
  return std::make_unique<NpyRowFile>(path, max_bytes);
}

}  // namespace millrace::stages
