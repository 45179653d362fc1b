// Whether what a stage emits is what its infer promised.
#include <millrace/detail/counted.hpp>
#include <millrace/detail/output_check.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace {
namespace {

[[noreturn]] void mismatch(std::string_view port, const std::string& what) {
  throw Error(ErrorKind::run, "output-mismatch", fmt::format("output `{}`: {}", port, what),
              "this is a defect of the stage: emit what its infer has promised");
}

void check_field(std::string_view port, const PortSpec::FieldSpec& promised, const Field& field) {
  if (field.name != promised.name)
    mismatch(port, fmt::format("field `{}` where field `{}` was promised", field.name, promised.name));
  if (!field.tensor) mismatch(port, fmt::format("field `{}` has no tensor", field.name));
  const TensorSpec& found = field.tensor.spec();
  const TensorSpec& spec = promised.spec;
  if (found.dtype != spec.dtype || found.row_shape != spec.row_shape || found.encoding != spec.encoding)
    mismatch(port, fmt::format("field `{}` is {}, promised was {}", field.name, found.describe(), spec.describe()));
}

}  // namespace

std::int64_t check_fields(std::string_view port, const PortSpec& spec, const std::vector<Field>& fields) {
  if (fields.size() != spec.fields.size())
    mismatch(port, fmt::format("{} fields, promised were {}", fields.size(), spec.fields.size()));
  for (std::size_t i = 0; i < fields.size(); ++i) check_field(port, spec.fields[i], fields[i]);
  const std::int64_t rows = fields.empty() ? 0 : fields.front().tensor.rows();
  for (const Field& field : fields)
    if (field.tensor.rows() != rows)
      mismatch(port, fmt::format("field `{}` has {}, field `{}` {}", field.name, counted(field.tensor.rows(), "row"),
                                 fields.front().name, rows));
  if (spec.max_rows > 0 && rows > spec.max_rows)
    mismatch(port, fmt::format("{}, promised were at most {}", counted(rows, "row"), spec.max_rows));
  return rows;
}

std::int64_t check_output(std::string_view port, const PortSpec& spec, const OutputPacket& output_packet) {
  if (spec.kind == PortKind::metrics && !output_packet.metrics) mismatch(port, "no metrics on a port for metrics");
  if (spec.kind == PortKind::model && !output_packet.model) mismatch(port, "no model on a port for models");
  if (spec.kind != PortKind::data) return 0;
  const std::int64_t rows = check_fields(port, spec, output_packet.fields);
  const std::size_t ids = output_packet.ids ? output_packet.ids->size() : 0;
  if (ids != static_cast<std::size_t>(rows))
    mismatch(port, fmt::format("{} for {}", counted(ids, "sample id"), counted(rows, "row")));
  return rows;
}

}  // namespace millrace
