// Serialization field by field: texts and lists behind their length. Readers check each length and each enumerator, because a stage may have
// overwritten the writer's memory.
#include "wire.hpp"

#include <millrace/detail/stage_error.hpp>

#include <fmt/format.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

namespace millrace::pipelines {
namespace {

enum class ParamKind : std::uint8_t { null, boolean, integer, number, text, list, map };
enum class Thrown : std::uint8_t { error, bad_alloc, exception, unknown };

constexpr int kDeepest = 128;  // of nested values; configs are less deep

/// What a stage threw that is no std::exception.
struct Unknown {};

ParamValue read_param(WireReader& from, int depth) {
  if (depth > kDeepest) WireReader::garbled("values nested too deep");
  switch (from.one_of(ParamKind::map)) {
    case ParamKind::null:
      return {};
    case ParamKind::boolean:
      return ParamValue(from.flag());
    case ParamKind::integer:
      return ParamValue(from.get<std::int64_t>());
    case ParamKind::number:
      return ParamValue(from.get<double>());
    case ParamKind::text:
      return ParamValue(from.text());
    case ParamKind::list: {
      ParamValue::List list;
      for (std::uint64_t left = from.count(); left > 0; --left) list.push_back(read_param(from, depth + 1));
      return list;
    }
    case ParamKind::map:
      break;
  }
  ParamValue::Map map;
  for (std::uint64_t left = from.count(); left > 0; --left) {
    std::string key = from.text();
    map.emplace_back(std::move(key), read_param(from, depth + 1));
  }
  return map;
}

}  // namespace

std::string_view WireReader::take(std::uint64_t size) {
  if (size > bytes_.size()) garbled("less than it announced");
  const std::string_view taken = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return taken;
}

std::uint64_t WireReader::count() {
  const auto count = get<std::uint64_t>();
  if (count > bytes_.size()) garbled("less than it announced");
  return count;
}

void WireReader::require_end() const {
  if (!bytes_.empty()) garbled("more than it announced");
}

void WireReader::garbled(const std::string& what) {
  throw Error(
      ErrorKind::run, "stage-garbled", "the process of the stage answers with " + what,
      "something in the stage has overwritten memory that is not its own: build its plugin with -fsanitize=address");
}

void write(WireWriter& to, const ParamValue& value) {
  if (value.is_boolean()) {
    to.put(ParamKind::boolean);
    to.put(static_cast<std::uint8_t>(value.boolean()));
  } else if (value.is_integer()) {
    to.put(ParamKind::integer);
    to.put(value.integer());
  } else if (value.is_number()) {
    to.put(ParamKind::number);
    to.put(value.number());
  } else if (value.is_text()) {
    to.put(ParamKind::text);
    to.text(value.text());
  } else if (value.is_list()) {
    to.put(ParamKind::list);
    to.put(static_cast<std::uint64_t>(value.list().size()));
    for (const ParamValue& item : value.list()) write(to, item);
  } else if (value.is_map()) {
    to.put(ParamKind::map);
    to.put(static_cast<std::uint64_t>(value.map().size()));
    for (const auto& [key, member] : value.map()) {
      to.text(key);
      write(to, member);
    }
  } else {
    to.put(ParamKind::null);
  }
}

ParamValue read_param(WireReader& from) { return read_param(from, 0); }

void write(WireWriter& to, const std::vector<std::string>& texts) {
  to.put(static_cast<std::uint64_t>(texts.size()));
  for (const std::string& text : texts) to.text(text);
}

std::vector<std::string> read_texts(WireReader& from) {
  std::vector<std::string> texts;
  for (std::uint64_t left = from.count(); left > 0; --left) texts.push_back(from.text());
  return texts;
}

void write(WireWriter& to, const TensorSpec& spec) {
  to.put(spec.dtype);
  to.put(static_cast<std::uint64_t>(spec.row_shape.size()));
  for (const std::int64_t extent : spec.row_shape) to.put(extent);
  to.put(static_cast<std::uint8_t>(spec.range.has_value()));
  if (spec.range) {
    to.put(spec.range->lo);
    to.put(spec.range->hi);
  }
  to.put(spec.encoding.kind);
  to.put(spec.encoding.scale);
  to.put(spec.encoding.offset);
  to.put(spec.encoding.classes);
  write(to, spec.class_names.list());
}

TensorSpec read_tensor_spec(WireReader& from) {
  TensorSpec spec;
  spec.dtype = from.one_of(DType::f64);
  for (std::uint64_t left = from.count(); left > 0; --left) spec.row_shape.push_back(from.get<std::int64_t>());
  if (from.flag()) {
    const auto lo = from.get<double>();
    spec.range = ValueRange{lo, from.get<double>()};
  }
  spec.encoding.kind = from.one_of(EncodingKind::indicator);
  spec.encoding.scale = from.get<float>();
  spec.encoding.offset = from.get<float>();
  spec.encoding.classes = from.get<std::int32_t>();
  spec.class_names = read_texts(from);
  return spec;
}

void write(WireWriter& to, const PortSpec& port) {
  to.put(static_cast<std::uint64_t>(port.fields.size()));
  for (const PortSpec::FieldSpec& field : port.fields) {
    to.text(field.name);
    write(to, field.spec);
  }
  to.put(static_cast<std::uint8_t>(port.rows_per_epoch.has_value()));
  to.put(port.rows_per_epoch.value_or(0));
  to.put(port.max_rows);
}

PortSpec read_port(WireReader& from) {
  PortSpec port;
  for (std::uint64_t left = from.count(); left > 0; --left) {
    std::string name = from.text();
    port.fields.push_back({std::move(name), read_tensor_spec(from)});
  }
  const bool knows_rows = from.flag();
  const auto rows = from.get<std::int64_t>();
  if (knows_rows) port.rows_per_epoch = rows;
  port.max_rows = from.get<std::int64_t>();
  return port;
}

void write(WireWriter& to, const Metrics& metrics) {
  to.put(metrics.epoch);
  to.put(static_cast<std::uint64_t>(metrics.values.size()));
  for (const auto& [name, value] : metrics.values) {
    to.text(name);
    to.put(value);
  }
}

Metrics read_metrics(WireReader& from) {
  Metrics metrics;
  metrics.epoch = from.get<std::uint32_t>();
  for (std::uint64_t left = from.count(); left > 0; --left) {
    std::string name = from.text();
    metrics.set(std::move(name), from.get<double>());
  }
  return metrics;
}

void write(WireWriter& to, const Problem& problem) {
  to.put(static_cast<std::int32_t>(problem.kind));
  for (const std::string& text : {problem.name, problem.message, problem.help}) to.text(text);
  write(to, problem.notes);
}

Problem read_problem(WireReader& from) {
  const auto kind = from.get<std::int32_t>();
  // The kind becomes the exit code, so it must be one that there is.
  const bool known = (kind >= 1 && kind <= 8) || kind == static_cast<std::int32_t>(ErrorKind::stalled);
  if (!known) WireReader::garbled(fmt::format("an error of kind {}", kind));
  Problem problem{.kind = static_cast<ErrorKind>(kind)};
  for (std::string* text : {&problem.name, &problem.message, &problem.help}) *text = from.text();
  problem.notes = read_texts(from);
  return problem;
}

namespace {

void write_error(WireWriter& to, const Error& error) {
  to.put(Thrown::error);
  write(to, error.problem());
  to.text(error.param());
}

}  // namespace

void write_exception(WireWriter& to, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    write_error(to, error);
  } catch (const std::system_error&) {
    write_error(to, stage_error(thrown));  // the limits that its help quotes are those of this process
  } catch (const std::bad_alloc&) {
    to.put(Thrown::bad_alloc);
  } catch (const std::exception& error) {
    to.put(Thrown::exception);
    to.text(error.what());
  } catch (...) {
    to.put(Thrown::unknown);
  }
}

void throw_exception(WireReader& from) {
  switch (from.one_of(Thrown::unknown)) {
    case Thrown::error: {
      Error error(read_problem(from));
      error.about_param(from.text());
      throw error;
    }
    case Thrown::bad_alloc:
      throw std::bad_alloc();
    case Thrown::exception:
      throw std::runtime_error(from.text());
    case Thrown::unknown:
      break;
  }
  throw Unknown{};
}

}  // namespace millrace::pipelines
