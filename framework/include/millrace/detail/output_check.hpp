// Whether what a stage emits is what its infer promised.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace {

/// Data fields against the port's spec: names, dtype, shape, encoding, rows. Returns the rows. Throws
/// Error("output-mismatch", run) with what was promised and what came.
MILLRACE_EXPORT std::int64_t check_fields(std::string_view port, const PortSpec& spec,
                                          const std::vector<Field>& fields);

/// A whole output packet: its kind, its fields, and an id for each row. Throws as check_fields does.
MILLRACE_EXPORT std::int64_t check_output(std::string_view port, const PortSpec& spec,
                                          const OutputPacket& output_packet);

}  // namespace millrace
