// A row that looks like an image is shown as one; else its first values are.
#include "peeked_packet.hpp"

#include "png_text.hpp"
#include "row_picture.hpp"
#include "tensor_values.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownValues = 12;
constexpr std::string_view kShades = " .:-=+*#%@";

char shade(double value, const ValueStatistics& all) {
  if (!std::isfinite(value)) return '!';
  if (all.max <= all.min) return kShades.front();
  const auto level =
      static_cast<std::size_t>((value - all.min) / (all.max - all.min) * static_cast<double>(kShades.size()));
  return kShades[std::min(level, kShades.size() - 1)];
}

std::string picture_text(std::span<const double> row, const PictureSize& picture, const ValueStatistics& all) {
  std::string text;
  for (std::int64_t y = 0; y < picture.height; ++y) {
    std::string line = "    ";
    for (std::int64_t x = 0; x < picture.width; ++x)
      line += std::string(
          2, shade(row[static_cast<std::size_t>(y * picture.width + x)], all));  // a cell is twice as high as wide
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

// Six digits would make one of numbers of rows that lie beside each other.
std::string value_text(double value) {
  constexpr double kMostWhole = 1e15;
  return std::abs(value) < kMostWhole && value == std::floor(value) ? fmt::format("{:.0f}", value)
                                                                    : fmt::format("{:.6g}", value);
}

std::string values_text(std::span<const double> row) {
  std::string text = "    ";
  for (std::size_t i = 0; i < std::min(row.size(), kShownValues); ++i) text += value_text(row[i]) + " ";
  text += row.size() > kShownValues ? fmt::format("... {} more\n", row.size() - kShownValues) : "\n";
  return text;
}

std::span<const double> row_of(const PeekedField& field, std::size_t row) {
  const auto width = static_cast<std::size_t>(elements_of(field.spec.row_shape));
  return std::span(field.values).subspan(row * width, width);
}

std::string field_text(const PeekedPacket& packet, const PeekedField& field, std::size_t rows) {
  const ValueStatistics all = statistics_of(field.values);
  std::string text = fmt::format("\n{}: {}\n  min {}  max {}  mean {:.6g}  std {:.6g}  zeros {} of {}  not finite {}\n",
                                 field.name, field.spec.describe(), value_text(all.min), value_text(all.max), all.mean,
                                 all.deviation, all.zeros, all.values, all.not_finite);
  const PictureSize picture = picture_of(field.spec.row_shape);
  for (std::size_t row = 0; row < rows; ++row) {
    text += fmt::format("  row {} (sample {})\n", row, packet.ids[row]);
    text += picture.is_one() ? picture_text(row_of(field, row), picture, all) : values_text(row_of(field, row));
  }
  return text;
}

// Not finite as a text, for JSON has no number for it.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json field_json(const PeekedField& field, std::size_t rows) {
  const ValueStatistics all = statistics_of(field.values);
  Json object = {{"name", field.name},
                 {"dtype", std::string(to_string(field.spec.dtype))},
                 {"row_shape", field.spec.row_shape},
                 {"encoding", std::string(to_string(field.spec.encoding.kind))},
                 {"min", number(all.min)},
                 {"max", number(all.max)},
                 {"mean", number(all.mean)},
                 {"std", number(all.deviation)},
                 {"zeros", all.zeros},
                 {"not_finite", all.not_finite},
                 {"values", Json::array()}};
  for (std::size_t row = 0; row < rows; ++row) {
    Json values = Json::array();
    for (const double value : row_of(field, row)) values.push_back(number(value));
    object["values"].push_back(std::move(values));
  }
  return object;
}

std::size_t shown_rows(const PeekedPacket& packet, std::size_t rows) {
  return std::min(rows, static_cast<std::size_t>(packet.rows));
}

}  // namespace

PeekedPacket peeked(const Packet& packet, std::uint64_t number, const std::string& field) {
  PeekedPacket copy;
  copy.epoch = packet.header.epoch;
  copy.number = number;
  copy.rows = packet.rows;
  if (packet.ids) copy.ids = *packet.ids;
  if (packet.metrics) copy.metrics = *packet.metrics;
  for (const Field& part : packet.fields)
    if (field.empty() || part.name == field)
      copy.fields.push_back({part.name, part.tensor.spec(), values_of(part.tensor)});
  return copy;
}

std::string peek_text(const PeekedPacket& packet, const std::string& port, std::size_t rows) {
  std::string text = fmt::format("{}, batch {} of epoch {}{}\n", port, packet.number, packet.epoch,
                                 packet.metrics ? "" : ": " + counted(packet.rows, "row"));
  if (packet.metrics)
    for (const auto& [name, value] : packet.metrics->values) text += fmt::format("  {:<20} {:.9g}\n", name, value);
  for (const PeekedField& field : packet.fields) text += field_text(packet, field, shown_rows(packet, rows));
  return text;
}

std::string peek_png(const PeekedPacket& packet, std::size_t rows) {
  const PictureSize picture =
      packet.fields.size() == 1 ? picture_of(packet.fields.front().spec.row_shape) : PictureSize{};
  if (!picture.is_one() || packet.rows == 0 || rows == 0)
    throw Error(ErrorKind::usage, "no-picture",
                fmt::format("{} of rows that look like no images", counted(packet.fields.size(), "field")),
                "name one field whose rows have two extents: NODE.PORT.FIELD; and --rows, at least 1");
  const PeekedField& field = packet.fields.front();
  const ValueStatistics range = statistics_of(field.values);
  const auto height = static_cast<std::size_t>(picture.height), width = static_cast<std::size_t>(picture.width);
  const std::size_t count = shown_rows(packet, rows), line = count * width;
  std::vector<std::uint8_t> pixels(height * line);
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t i = 0; i < height * width; ++i)
      pixels[i / width * line + row * width + i % width] = gray(row_of(field, row)[i], field.spec, range);
  return png_text(pixels, line, height);
}

Json peek_json(const PeekedPacket& packet, const std::string& node, const std::string& port, std::size_t rows) {
  Json object = {{"schema", 1},           {"node", node},           {"port", port},
                 {"epoch", packet.epoch}, {"batch", packet.number}, {"rows", packet.rows},
                 {"ids", packet.ids},     {"fields", Json::array()}};
  for (const PeekedField& field : packet.fields)
    object["fields"].push_back(field_json(field, shown_rows(packet, rows)));
  if (packet.metrics)
    for (const auto& [name, value] : packet.metrics->values) object["metrics"][name] = number(value);
  return object;
}

}  // namespace millrace::pipelines
