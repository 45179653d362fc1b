// Help is worth nothing when what it says fails in turn, so each text that is offered has been checked against its type.
#include "value_help.hpp"

#include "config/document/scalars.hpp"
#include "config/document/yaml_parser.hpp"
#include "diagnostics/printable_text.hpp"
#include "doc_value.hpp"

#include <millrace/detail/param_check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace::pipelines {
namespace {

using Kind = ParamType::Kind;

const Alternative* find_kind(const ParamType& type, std::string_view name) {
  if (type.kind() != Kind::one_of) return nullptr;
  for (const Alternative& a : type.alternatives())
    if (a.name == name) return &a;
  return nullptr;
}

bool has_param(const Alternative& kind, std::string_view name) {
  return std::any_of(kind.params.begin(), kind.params.end(), [&](const Param& p) { return p.name == name; });
}

// The one that has to be written; null when there is none, or several.
const Param* only_required(const Alternative& kind) {
  const auto is_required = [](const Param& p) { return p.is_required(); };
  if (std::count_if(kind.params.begin(), kind.params.end(), is_required) != 1) return nullptr;
  return &*std::find_if(kind.params.begin(), kind.params.end(), is_required);
}

std::string with_value(const Alternative& kind, const std::string& value) {
  const Param* param = only_required(kind);
  return param != nullptr && fits(value, param->type) ? fmt::format("{}: {{{}: {}}}", kind.name, param->name, value)
                                                      : std::string();
}

// "put `- ` before each": the kinds of items stand in a map, where a list is wanted.
bool names_kinds(const DocNode& map, const ParamType& element) {
  return !map.members.empty() && std::all_of(map.members.begin(), map.members.end(),
                                             [&](const DocMember& m) { return find_kind(element, m.key) != nullptr; });
}

// `- dense:` above `units: 512` in the same column.
std::string help_to_indent(const DocNode& map, const ParamType& type) {
  const DocMember& first = map.members.front();
  const Alternative* kind = find_kind(type, first.key);
  if (kind == nullptr || !first.value.is_null()) return {};
  std::string names;
  for (std::size_t i = 1; i < map.members.size(); ++i) {
    if (!has_param(*kind, map.members[i].key)) return {};
    names += fmt::format("{}`{}`", i == 1 ? "" : i + 1 == map.members.size() ? " and " : ", ", map.members[i].key);
  }
  return fmt::format("indent {} deeper than `{}:`", names, first.key);
}

// `{type: dense, units: 512}`.
std::string help_without_type(const DocNode& map, const ParamType& type) {
  static constexpr std::array<std::string_view, 6> kWords{"type", "name", "kind", "layer", "class", "class_name"};
  for (const DocMember& m : map.members) {
    if (std::find(kWords.begin(), kWords.end(), m.key) == kWords.end()) continue;
    if (!m.value.is_scalar() || find_kind(type, m.value.text) == nullptr) continue;
    DocNode rest = map;
    std::erase_if(rest.members, [&](const DocMember& other) { return other.key == m.key; });
    return fmt::format("write `{}: {}`", m.value.text, flow_text(rest));
  }
  return {};
}

}  // namespace

bool fits(const std::string& text, const ParamType& type) {
  if (text.find("${") != std::string::npos) return true;
  Diagnostics found;
  const std::optional<DocNode> value = read_value(text, "", found);
  if (!value || found.has_errors()) return false;
  if (value->is_null()) return true;  // takes away, or back to the default
  std::vector<ParamFault> faults;
  check_value(DocValue(*value), type, "", faults);
  return faults.empty();
}

std::string flow_text(const DocNode& value) {
  std::string text;
  switch (value.kind) {
    case DocNode::Kind::null:
      return "null";
    case DocNode::Kind::scalar:
      return value.quoted ? fmt::format("\"{}\"", shown(value.text)) : shown(value.text);
    case DocNode::Kind::list:
      for (const DocNode& item : value.items) text += (text.empty() ? "" : ", ") + flow_text(item);
      return fmt::format("[{}]", text);
    case DocNode::Kind::map:
      break;
  }
  for (const DocMember& m : value.members)
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", shown(m.key), flow_text(m.value));
  return fmt::format("{{{}}}", text);
}

std::string list_for_a_number(std::string_view text, const ParamType& type) {
  if (type.kind() != Kind::list || type.element().kind() != Kind::one_of || !read_number(text).integer) return {};
  return fmt::format("[{}, ...]", example_item(type.element()));
}

std::string item_of_kind(std::string_view kind, std::string_view value, const ParamType& type) {
  const Alternative* found = find_kind(type, kind);
  if (found == nullptr) return {};
  const std::string whole = fmt::format("{{{}: {}}}", kind, value);
  if (!value.empty() && value.front() == '{') return fits(whole, type) ? whole.substr(1, whole.size() - 2) : "";
  if (value.empty() || with_value(*found, std::string(value)).empty()) return {};
  return with_value(*found, std::string(value));
}

std::string example_item(const ParamType& type) {
  if (type.kind() != Kind::one_of) return "VALUE";
  const Alternative& first = type.alternatives().front();
  for (const char* value : {"512", "1", "0.5"})
    if (std::string item = with_value(first, value); !item.empty()) return item;
  return first.name + ": {...}";
}

std::string help_for_list(const DocNode& value, const ParamType& type, std::string_view what) {
  const ParamType& element = type.element();
  if (value.is_map() && names_kinds(value, element)) return kPutDashes;
  if (!value.is_scalar()) return {};
  const std::string list = list_for_a_number(value.text, type);
  if (list.empty()) return fmt::format("write [{}]", shown(value.text));
  const std::string_view name = what.starts_with('`') ? what.substr(1, what.find('`', 1) - 1) : what;
  const bool is_set = value.where.source && value.where.source->is_argument;
  const std::string command =
      is_set ? fmt::format("--set '{}={}'",
                           shown(value.where.source->text.substr(0, value.where.source->text.find('='))), list)
             : fmt::format("{}: {}", name, list);
  return fmt::format("the number of {} is the length of the list: write {}", name == "model" ? "layers" : "items",
                     command);
}

std::string help_for_kind(const DocNode& value, const ParamType& type) {
  if (value.is_scalar() && !value.quoted && read_number(value.text).fault == NumberFault::none) {
    for (const Alternative& a : type.alternatives())
      if (const std::string item = with_value(a, value.text); !item.empty()) return "write " + item;
    return {};
  }
  if (!value.is_map() || value.members.size() < 2) return {};
  const std::string indented = help_to_indent(value, type);
  return indented.empty() ? help_without_type(value, type) : indented;
}

}  // namespace millrace::pipelines
