// Ports and parameters as tables; choices are explained where they first occur.
#include "stages_markdown.hpp"

#include "diagnostics/printable_text.hpp"
#include "stage_info.hpp"

#include <fmt/format.h>

#include <set>

namespace millrace::pipelines {
namespace {

using Kind = ParamType::Kind;

// A bar would end the cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : printable_line(text)) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string row(const std::string& direction, const std::string& name, const TensorType& tensors) {
  const std::string range = tensors.range_text();
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", direction, name, cell(tensors.dtype_text()),
                     cell(tensors.shape_text()), range.empty() ? "unknown" : cell(range), cell(tensors.note));
}

// A record has a row for each of its fields; what carries no tensors has a sentence.
std::string port_rows(const std::string& direction, const std::string& name, const PortType& port) {
  if (port.kind == PortKind::data && !port.is_record) return row(direction, name, port.tensors);
  if (port.kind != PortKind::data || port.record.fields.empty())
    return fmt::format("| {} | {} | {} | | | {} |\n", direction, name,
                       port.kind == PortKind::data ? "record" : to_string(port.kind), cell(port.text()));
  std::string text;
  for (const RecordType::Field& field : port.record.fields)
    text += row(direction, fmt::format("{}, field `{}`{}", name, field.name, field.optional ? ", optional" : ""),
                field.tensors);
  if (port.record.takes_others)
    text += row(direction, name + ", any other field", TensorType::any().description("not looked at"));
  return text;
}

std::string ports(const StageDescriptor& spec) {
  std::string text = "| port | name | dtype | shape | range | |\n|---|---|---|---|---|---|\n";
  for (const PortDecl& port : spec.inputs())
    text += port_rows(port.optional ? "in, optional" : "in", "`" + port.name + "`", port);
  if (spec.any_input() != nullptr) text += port_rows("in", "any, yours to name", *spec.any_input());
  for (const PortDecl& port : spec.outputs()) text += port_rows("out", "`" + port.name + "`", port);
  if (spec.any_output() != nullptr)
    text += port_rows("out", fmt::format("one for each key of `{}`", spec.any_output_param()), *spec.any_output());
  return text;
}

std::string default_cell(const Param& param) {
  if (param.default_value) return fmt::format("`{}`", cell(param.default_value->render()));
  return param.is_optional ? "absent" : "required";
}

/// The parameters of one owner, and of what they are made of; the same choices are explained once.
class ParamTables {
 public:
  std::string tables(const std::vector<Param>& params) {
    std::string text = "| parameter | type | unit | default | |\n|---|---|---|---|---|\n", nested;
    for (const Param& param : params) {
      text += fmt::format("| `{}` | {} | {} | {} | {} |\n", param.name, cell(param.type.describe()), param.unit,
                          default_cell(param), cell(param.doc));
      nested += nested_tables(param.type, param.name);
    }
    return text + nested;
  }

 private:
  std::string nested_tables(const ParamType& type, const std::string& path) {
    if (type.kind() == Kind::list || type.kind() == Kind::map) return nested_tables(type.element(), path);
    if (type.kind() == Kind::record) return fmt::format("\nThe map `{}`:\n\n{}", path, tables(type.params()));
    std::string text;
    if (type.kind() == Kind::any_of)
      for (const ParamType& option : type.options()) text += nested_tables(option, path);
    if (type.kind() == Kind::one_of && explained_.insert(type.describe()).second)
      for (const Alternative& alternative : type.alternatives()) text += alternative_text(alternative, path);
    return text;
  }

  std::string alternative_text(const Alternative& alternative, const std::string& path) {
    std::string text = fmt::format("\n`{}: {}`: {}\n", path, alternative.name, printable_line(alternative.doc));
    return alternative.params.empty() ? text : text + "\n" + tables(alternative.params);
  }

  std::set<std::string> explained_;
};

std::string stage_section(const StageInfo& info) {
  std::string text = fmt::format("\n## {}\n\n{}\n\nA {}: {}.\n\n{}", info.name, printable_line(info.spec.summary()),
                                 to_string(info.kind), threads_and_state(info), ports(info.spec));
  if (!info.spec.params().empty()) text += "\n" + ParamTables().tables(info.spec.params());
  return text + fmt::format("\n```yaml\n{}\n```\n\nPlugin `{}` {}, {}.\n", printable_line(info.spec.example()),
                            printable_line(info.plugin), printable_line(info.plugin_version),
                            printable_line(info.plugin_license));
}

}  // namespace

std::string stages_markdown(const StageRegistry& registry, const std::string& name) {
  std::string text =
      "# Stages\n\nWhat a config can use. Made from the stages' own descriptors by `pipeline-run stages --markdown`; a "
      "test compares.\n";
  for (const std::string& each : registry.names())
    if (name.empty() || each == name) text += stage_section(*registry.find(each));
  return text;
}

}  // namespace millrace::pipelines
