// The source is read once more: which rows are wanted is known when all have been judged, and to keep them all would take as much memory as the data.
#include "row_pictures.hpp"

#include "command/slices/png_text.hpp"
#include "command/slices/row_picture.hpp"
#include "command/slices/tensor_values.hpp"
#include "judged_rows.hpp"
#include "slice/slice.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace millrace::pipelines {
namespace {

/// The rows of that output, where they look like images.
PictureSize size_of_rows(const ValidatedGraph& slice, const OutputName& source) {
  const auto node = std::find_if(slice.nodes.begin(), slice.nodes.end(),
                                 [&](const ValidatedNode& each) { return each.name == source.node; });
  const PortSpec* const spec = node == slice.nodes.end() ? nullptr : node->find_output(source.port);
  return spec == nullptr || spec->fields.size() != 1 ? PictureSize{} : picture_of(spec->fields.front().spec.row_shape);
}

std::string picture_text(const Tensor& row, const PictureSize& size) {
  const std::vector<double> values = values_of(row);
  const ValueStatistics range = statistics_of(values);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(values.size());
  for (const double value : values) pixels.push_back(gray(value, row.spec(), range));
  return base64_text(png_text(pixels, static_cast<std::size_t>(size.width), static_cast<std::size_t>(size.height)));
}

}  // namespace

std::string base64_text(const std::string& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kGroup = 3;
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += kGroup) {
    const std::size_t count = std::min(kGroup, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < kGroup; ++i)
      group = group << 8U | (i < count ? static_cast<std::uint8_t>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i <= kGroup; ++i) text += i <= count ? kDigits[group >> (18U - 6U * i) & 0x3FU] : '=';
  }
  return text;
}

std::map<std::uint64_t, std::string> row_pictures(const CheckedConfig& checked, const OutputName& source,
                                                  std::set<std::uint64_t> ids, std::uint32_t epoch,
                                                  const SliceWatch& watch) {
  std::map<std::uint64_t, std::string> pictures;
  if (source.node.empty() || ids.empty()) return pictures;
  GraphSpec spec = cut_slice(checked.spec, checked.graph, checked.registry, {.captured = {source}});
  spec.epochs = epoch;
  Diagnostics diagnostics;
  ValidatedGraph slice = check_slice(spec, checked.graph, checked.registry, diagnostics);
  slice.first_epoch = epoch;
  const PictureSize size = size_of_rows(slice, source);
  if (!size.is_one()) return pictures;
  const auto take = [&](const CapturedPacket& captured) {
    const auto of_rows = captured.packet.sample_ids();
    for (std::size_t i = 0; i < of_rows.size(); ++i)
      if (ids.erase(of_rows[i]) > 0)
        pictures[of_rows[i]] = picture_text(captured.packet.tensor().slice(static_cast<std::int64_t>(i), 1), size);
    return !ids.empty();
  };
  run_to_end(slice, diagnostics, {{source.node, source.port, take}}, watch);
  return pictures;
}

}  // namespace millrace::pipelines
