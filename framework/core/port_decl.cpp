// Chained setters that build a declaration, and its wording in pages and errors: `u8 or i8 [n, *, *] in [0, 1]`, `the same as` another input.
#include <millrace/port_decl.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace {
namespace {

// "u8", "u8 or i8", "u8, i8 or i16".
std::string alternatives(const std::vector<std::string>& names) {
  if (names.size() < 2) return fmt::format("{}", fmt::join(names, ""));
  return fmt::format("{} or {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
}

std::string as_input(const std::string& input) { return fmt::format("as `{}`", input); }

std::string of_rank(std::size_t rank) {
  std::string text = "[n";
  for (std::size_t i = 0; i < rank; ++i) text += ", *";
  return text + "]";
}

std::string with_note(std::string text, const std::string& note) {
  return note.empty() ? text : fmt::format("{}; {}", text, note);
}

}  // namespace

std::string_view to_string(PortKind kind) {
  switch (kind) {
    case PortKind::data:
      return "data";
    case PortKind::metrics:
      return "metrics";
    case PortKind::model:
      return "model";
  }
  return "?";
}

TensorType TensorType::of(std::vector<DType> dtypes) {
  TensorType tensors;
  tensors.dtypes = std::move(dtypes);
  return tensors;
}

TensorType TensorType::like(const std::string& input) {
  TensorType tensors;
  tensors.dtype_of = tensors.shape_of = tensors.range_of = input;
  return tensors;
}

TensorType& TensorType::rank(std::size_t least, std::size_t most) {
  least_rank = least;
  most_rank = most;
  shape_of.clear();
  return *this;
}

TensorType& TensorType::one_value() {
  is_one_value = true;
  return *this;
}

TensorType& TensorType::shape(RowShape row) {
  row_shape = std::move(row);
  return *this;
}

TensorType& TensorType::shape_as(std::string input) {
  shape_of = std::move(input);
  return *this;
}

TensorType& TensorType::range_as(std::string input) {
  range_of = std::move(input);
  return *this;
}

TensorType& TensorType::within(double lo, double hi) {
  range = ValueRange{lo, hi};
  range_of.clear();
  return *this;
}

TensorType& TensorType::below(std::string param) {
  below_param = std::move(param);
  return *this;
}

TensorType& TensorType::description(std::string text) {
  note = std::move(text);
  return *this;
}

TensorType& TensorType::hint(std::string help) {
  advice = std::move(help);
  return *this;
}

std::string TensorType::dtype_text() const {
  if (!dtype_of.empty()) return as_input(dtype_of);
  if (dtypes.empty()) return "any";
  std::vector<std::string> names;
  for (const DType dtype : dtypes) names.emplace_back(to_string(dtype));
  return alternatives(names);
}

std::string TensorType::shape_text() const {
  if (!shape_of.empty()) return as_input(shape_of);
  if (row_shape) return to_string(*row_shape);
  if (is_one_value) return "[n] or [n, 1]";
  if (most_rank == kAnyRank) return least_rank == 0 ? "[n, ...]" : of_rank(least_rank).insert(2, ", ...");
  std::vector<std::string> shapes;
  for (std::size_t rank = least_rank; rank <= most_rank; ++rank) shapes.push_back(of_rank(rank));
  return alternatives(shapes);
}

std::string TensorType::range_text() const {
  if (!range_of.empty()) return as_input(range_of);
  if (!below_param.empty()) return fmt::format("0 to `{}` - 1", below_param);
  return range ? fmt::format("[{}, {}]", range->lo, range->hi) : "";
}

std::string TensorType::text() const {
  if (!dtype_of.empty() && dtype_of == shape_of && dtype_of == range_of)
    return with_note(fmt::format("the same as `{}`", dtype_of), note);
  const auto part = [](const char* what, const std::string& input, const std::string& other) {
    return input.empty() ? other : fmt::format("{} of `{}`", what, input);
  };
  std::string text = fmt::format("{}{}{}", part("dtype", dtype_of, dtype_text()), shape_of.empty() ? " " : ", ",
                                 part("shape", shape_of, shape_text()));
  const std::string values = range_text();
  if (range && range_of.empty())
    text += " in " + values;
  else if (!values.empty())
    text += ", " + part("range", range_of, values);
  return with_note(std::move(text), note);
}

RecordType RecordType::like(std::string input) {
  RecordType record;
  record.like_input = std::move(input);
  return record;
}

RecordType& RecordType::field(std::string name, TensorType tensors) {
  fields.push_back({std::move(name), std::move(tensors), false});
  return *this;
}

RecordType& RecordType::optional_field(std::string name, TensorType tensors) {
  fields.push_back({std::move(name), std::move(tensors), true});
  return *this;
}

RecordType& RecordType::other_fields() {
  takes_others = true;
  return *this;
}

RecordType& RecordType::description(std::string text) {
  note = std::move(text);
  return *this;
}

RecordType& RecordType::hint(std::string help) {
  advice = std::move(help);
  return *this;
}

std::string RecordType::text() const {
  if (!like_input.empty()) return with_note(fmt::format("the same record as `{}`", like_input), note);
  if (fields.empty()) return with_note("any record", note);
  std::string text;
  for (const Field& field : fields)
    text += fmt::format("{}{}{} {}", text.empty() ? "" : ", ", field.optional ? "optional " : "", field.name,
                        field.tensors.text());
  if (takes_others) text += ", any others";
  return with_note(std::move(text), note);
}

PortType PortType::metrics(std::string note) {
  PortType content;
  content.kind = PortKind::metrics;
  content.note = std::move(note);
  return content;
}

PortType PortType::model(std::string note) {
  PortType content;
  content.kind = PortKind::model;
  content.note = std::move(note);
  return content;
}

std::string PortType::text() const {
  if (kind != PortKind::data) return note;
  return is_record ? record.text() : tensors.text();
}

}  // namespace millrace
