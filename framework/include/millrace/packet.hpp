// What flows along an edge: a record of named tensors, or the metrics or the model of an epoch.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/error.hpp>
#include <millrace/metrics.hpp>
#include <millrace/tensor.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class ModelSnapshot;

/// Field name of a port that carries a single tensor.
inline constexpr std::string_view kValueField = "value";

struct Field {
  std::string name;
  Tensor tensor;
};

/// Who each row is. `ids[i]` names row i of the packet within its data set, whatever the order of the epoch.
using SampleIds = std::shared_ptr<const std::vector<std::uint64_t>>;

struct PacketHeader {
  std::uint64_t seq = 0;        ///< counts packets of one output port, from 0, through all epochs
  std::uint32_t epoch = 0;      ///< the epoch, from 1; 0 when the config says `epochs: 0`
  std::uint64_t first_row = 0;  ///< position of the first row in the epoch, over all ranks
  bool last_in_epoch = false;
};

/// Shared and read-only; copying copies pointers. Everything a packet refers to stays alive, and its share of the
/// back-pressure budget stays taken, until the last copy is gone.
struct MILLRACE_EXPORT Packet {
  PacketHeader header;
  std::int64_t rows = 0;
  SampleIds ids;              ///< rows of them; null for metrics and model packets
  std::vector<Field> fields;  ///< fields in the order of the port's spec
  std::shared_ptr<const Metrics> metrics;
  std::shared_ptr<const ModelSnapshot> model;
  std::shared_ptr<const void> lease;  ///< credits and the epoch's handle; opaque to stages

  /// The tensor of field `name`. Throws Error("no-such-field", run).
  const Tensor& tensor(std::string_view name = kValueField) const;
  std::span<const std::uint64_t> sample_ids() const;
};

/// An error about a packet that a stage has kept: thrown while it handles another one, it names the kept one's epoch and batch.
class MILLRACE_EXPORT PacketError : public Error {
 public:
  PacketError(const Error& cause, const Packet& packet) : Error(cause), header_(packet.header), rows_(packet.rows) {}
  const PacketHeader& header() const { return header_; }
  std::int64_t rows() const { return rows_; }

 private:
  PacketHeader header_;
  std::int64_t rows_;
};

}  // namespace millrace
