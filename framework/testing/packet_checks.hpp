// Whether what a stage under test emits is what its infer promised.
#pragma once

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace millrace::testing {

/// A mistake of the test or of the stage, not of a user.
[[noreturn]] inline void misuse(const char* name, std::string message) {
  throw Error(ErrorKind::run, name, std::move(message));
}

/// The spec of a port, as a first packet shows it.
inline PortSpec spec_of(const Packet& packet) {
  PortSpec port;
  if (packet.metrics) port.kind = PortKind::metrics;
  if (packet.model) {
    port.kind = PortKind::model;
    port.model = std::shared_ptr<const ModelSpec>(packet.model, &packet.model->model());
    port.loss = packet.model->loss();
  }
  for (const Field& field : packet.fields) port.fields.push_back({field.name, field.tensor.spec()});
  port.max_rows = packet.rows;
  return port;
}

inline void require_same_form(std::string_view port, const TensorSpec& promised, const TensorSpec& found) {
  if (found.dtype != promised.dtype || found.row_shape != promised.row_shape || found.encoding != promised.encoding)
    misuse("output-mismatch",
           fmt::format("output `{}` is {}, infer promised {}", port, found.describe(), promised.describe()));
}

/// Throws Error("output-mismatch", run) when names, dtype, shape, encoding or rows differ.
inline void require_as_promised(std::string_view port, const PortSpec& promised, const std::vector<Field>& fields) {
  if (fields.size() != promised.fields.size())
    misuse("output-mismatch",
           fmt::format("output `{}` has {} fields, infer promised {}", port, fields.size(), promised.fields.size()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name != promised.fields[i].name || !fields[i].tensor ||
        fields[i].tensor.rows() != fields.front().tensor.rows())
      misuse("output-mismatch", fmt::format("output `{}`: field `{}` was promised, `{}` came, or their rows differ",
                                            port, promised.fields[i].name, fields[i].name));
    require_same_form(port, promised.fields[i].spec, fields[i].tensor.spec());
  }
}

}  // namespace millrace::testing
