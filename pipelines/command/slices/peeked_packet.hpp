// What passed at a port, as it is shown.
#pragma once

#include <millrace/metrics.hpp>
#include <millrace/packet.hpp>
#include <millrace/tensor.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Copies, so that nothing of the run outlives it.
struct PeekedField {
  std::string name;  ///< "value" of a port that carries one tensor
  TensorSpec spec;
  std::vector<double> values;
};

struct PeekedPacket {
  std::uint32_t epoch = 0;
  std::uint64_t number = 0;  ///< which batch of the epoch it is
  std::int64_t rows = 0;
  std::vector<std::uint64_t> ids;
  std::vector<PeekedField> fields;
  std::optional<Metrics> metrics;
};

/// Of the field with that name; of all with an empty one.
PeekedPacket peeked(const Packet& packet, std::uint64_t number, const std::string& field);

/// The first `rows` rows with statistics; a row that looks like an image as a picture.
std::string peek_text(const PeekedPacket& packet, const std::string& port, std::size_t rows);
/// The first `rows` rows of the only field side by side, as PNG. Bytes as they are; other values from black, the least, to white, the greatest.
/// Throws Error("no-picture", usage): there are several fields, or their rows look like no images.
std::string peek_png(const PeekedPacket& packet, std::size_t rows);
nlohmann::ordered_json peek_json(const PeekedPacket& packet, const std::string& node, const std::string& port,
                                 std::size_t rows);

}  // namespace millrace::pipelines
