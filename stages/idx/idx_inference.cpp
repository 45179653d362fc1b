// Reads headers, and the labels of a path, so that `check` can compare them with the classes and say which one does not fit.
#include "idx_inference.hpp"

#include "params/about_param.hpp"

#include "labels.hpp"

#include <millrace/byte_reader.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace::stages {
namespace {

constexpr std::uint64_t kMaxLabelBytesAtInfer = std::uint64_t{64} << 20;

IdxHeader header_of(const std::string& path, std::uint64_t max_bytes) {
  ByteReader reader(path);
  return read_idx_header(reader, max_bytes);
}

IdxTypes types_of_named(const IdxChoice& choice) {
  const DatasetInfo& info = *choice.dataset;
  IdxTypes types;
  types.images = {DType::u8, info.image_shape, ValueRange{0, 255}, {}, {}};
  types.labels = {DType::u8, {}, ValueRange{0, static_cast<double>(info.class_names.size()) - 1}, {}, info.class_names};
  types.rows = file_of(choice, "images").rows;
  return types;
}

// The first error ends this, so that of the labels goes with it.
IdxHeader header_of_images(const IdxChoice& choice, std::uint64_t max_bytes) {
  try {
    return about("images", [&] { return header_of(choice.images, max_bytes); });
  } catch (Error& error) {
    try {
      if (!choice.labels.empty()) header_of(choice.labels, max_bytes);
    } catch (const Error& of_labels) {
      error.add_note(fmt::format("of `labels`: {}", of_labels.message()));
    }
    throw;
  }
}

IdxTypes types_of_files(const IdxChoice& choice, std::uint64_t max_bytes) {
  const IdxHeader header = header_of_images(choice, max_bytes);
  IdxTypes types{spec_of(header), {DType::u8, {0}, {}, {}, {}}, header.rows};
  if (choice.labels.empty()) return types;
  const IdxHeader label_header = about("labels", [&] { return header_of(choice.labels, max_bytes); });
  about("labels", [&] { require_equal_counts(choice, header.rows, label_header.rows); });
  types.labels = spec_of(label_header);
  return types;
}

}  // namespace

TensorSpec spec_of(const IdxHeader& header) {
  TensorSpec spec{header.dtype, header.row_shape, {}, {}, {}};
  if (header.dtype == DType::u8) spec.range = ValueRange{0, 255};
  return spec;
}

IdxTypes types_of(const IdxChoice& choice, std::uint64_t max_bytes) {
  return choice.dataset != nullptr ? types_of_named(choice) : types_of_files(choice, max_bytes);
}

std::optional<ValueRange> label_range(const IdxChoice& choice, std::uint64_t max_bytes, const IdxRows& rows,
                                      std::string& location) {
  if (choice.labels.empty() || header_of(choice.labels, max_bytes).payload_bytes > kMaxLabelBytesAtInfer) return {};
  const IdxData data = about("labels", [&] { return read_idx_file(choice.labels, max_bytes, rows); });
  const auto row_bytes = data.header.row_bytes();
  const auto first = static_cast<std::size_t>(rows.first) * row_bytes;
  const auto found =
      extremes_of_integers(data.header.dtype, data.payload.get(), static_cast<std::size_t>(rows.count) * row_bytes);
  if (!found) return {};
  const std::size_t at = first + (found->least < 0 ? found->least_at : found->greatest_at) * size_of(data.header.dtype);
  location = fmt::format("{}: row {} at byte {}", choice.labels, at / row_bytes, data.header.header_bytes + at);
  return ValueRange{static_cast<double>(found->least), static_cast<double>(found->greatest)};
}

}  // namespace millrace::stages
