// The faults of parameters as diagnostics: a path becomes a place of the text, and what is known of the text becomes help.
#include "param_check.hpp"

#include "config/document/scalars.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "doc_value.hpp"
#include "value_help.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

/// What a path leads to.
struct Found {
  const DocNode* node;
  Location key_where;  ///< place of the last step that the text has
};

// A path may go on where the text does not: what is missing from `rmsprop` is told at that word.
Found find(const DocNode& root, const std::vector<ParamStep>& path, const Location& where_missing) {
  Found found{&root, where_missing};
  for (const ParamStep& step : path) {
    if (found.node->is_map())
      found = {&found.node->members[step.index].value, found.node->members[step.index].key_where};
    else if (found.node->is_list())
      found = {&found.node->items[step.index], found.node->items[step.index].where};
  }
  return found;
}

// `dropout: 0.3` for `dropout: {rate: 0.3}`.
std::string written_out(const DocNode& value, const std::vector<Param>& params) {
  const auto is_required = [](const Param& p) { return p.is_required(); };
  const auto first = std::find_if(params.begin(), params.end(), is_required);
  const bool is_the_only = first != params.end() && std::none_of(first + 1, params.end(), is_required);
  const Param* meant = is_the_only ? &*first : params.size() == 1 ? &params.front() : nullptr;
  if (value.is_scalar() && meant != nullptr) return fmt::format("write {{{}: {}}}", meant->name, shown(value.text));
  return fmt::format("write {{NAME: VALUE}}; there are: {}", name_list(names_of(params)));
}

// `0,5` is one number elsewhere, `3,000` too.
bool is_one_number_elsewhere(std::string_view text) {
  const std::size_t comma = text.find(',');
  const std::string_view whole = text.substr(0, comma), rest = text.substr(std::min(text.size(), comma + 1));
  const auto is_digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return comma != std::string_view::npos && is_digits(whole) && is_digits(rest) && (whole == "0" || rest == "000");
}

// With the path and the values that were written, so that the loop can be pasted.
std::string help_for_several(const DocNode& node) {
  std::string values, path = "NODE.PARAMETER";
  for (const DocNode& item : node.items) values += item.is_scalar() ? shown(item.text) + " " : "";
  if (!node.is_list() && !node.text.ends_with(')')) values = shown(node.text) + " ";
  std::replace(values.begin(), values.end(), ',', ' ');
  if (node.where.source && node.where.source->is_argument)
    path = node.where.source->text.substr(0, node.where.source->text.find('='));
  return fmt::format(
      "a run takes one value: start it once for each: for x in {}; do pipeline-run CONFIG --set {}=$x; done",
      values.empty() ? "1 2 3" : values.substr(0, values.size() - 1), shown(path));
}

std::string help_for_number(const DocNode& node, const std::string& subject) {
  const std::string_view text = node.text;
  if (node.quoted && read_number(text).fault == NumberFault::none) return "remove the quotes";
  if (!node.is_list() && is_one_number_elsewhere(text))
    return "a decimal point is written `.`, and nothing stands between thousands";
  const bool is_list = node.is_list() || text.find(',') != std::string_view::npos, is_call = text.ends_with(')');
  const bool is_item = subject.starts_with("item ");  // of a table, say, which nobody runs once for each
  if ((is_list || is_call) && !is_item) return help_for_several(node);
  if (subject == "`seed`")
    return "write a number: the same one gives the same weights; --set seed=$RANDOM another each time";
  return {};
}

std::string help_for_type(const DocNode& node, const ParamType& type, const std::string& subject) {
  using Kind = ParamType::Kind;
  if (type.kind() == Kind::list) return help_for_list(node, type, subject);
  if (type.kind() == Kind::boolean && node.is_scalar()) return "write true or false";
  const bool wants_number = type.kind() == Kind::number || type.kind() == Kind::float32 || type.kind() == Kind::integer;
  return wants_number && !node.is_map() ? help_for_number(node, subject) : std::string();
}

// `whole` is the value that has a key where the fault is about one.
std::string help_for(const ParamFault& fault, const DocNode& node, const DocNode& whole) {
  if (!fault.help.empty()) return fault.help;
  if (fault.type != nullptr && !fault.choices.empty())
    if (std::string meant = help_for_kind(whole, *fault.type); !meant.empty()) return meant;
  if (fault.name == "unknown-parameter")
    return did_you_mean(fault.given, fault.choices, fmt::format("{} takes", fault.owner.name));
  if (fault.name == "unknown-choice") return did_you_mean(fault.given, fault.choices, "choices");
  if (fault.name == "wrong-length" && !fault.choices.empty())
    return fmt::format("choose one: {}", name_list(fault.choices));
  if (fault.params != nullptr) return written_out(node, *fault.params);
  return fault.type != nullptr ? help_for_type(node, *fault.type, fault.subject) : std::string();
}

// `class` for `classes` is one mistake: the fault of the unknown name already says what is meant.
bool is_misspelled(const ParamFault& missing, const std::vector<ParamFault>& faults) {
  return std::any_of(faults.begin(), faults.end(), [&](const ParamFault& fault) {
    const bool beside = fault.name == "unknown-parameter" && fault.path.size() == missing.path.size() + 1 &&
                        std::equal(missing.path.begin(), missing.path.end(), fault.path.begin());
    return beside && meant_by(fault.given, fault.choices) == missing.given;
  });
}

void report(const std::vector<ParamFault>& faults, const DocNode& root, const Location& where_missing,
            Diagnostics& diagnostics) {
  for (const ParamFault& fault : faults) {
    if (fault.name == "missing-parameter" && is_misspelled(fault, faults)) continue;
    const Found found = find(root, fault.path, where_missing);
    const bool is_key = fault.place == ParamFault::Place::key && !fault.path.empty();
    const std::vector<ParamStep> above(fault.path.begin(), fault.path.end() - (is_key ? 1 : 0));
    const bool is_of_root = fault.path.empty() && fault.name == "missing-parameter";
    diagnostics.add({{.kind = ErrorKind::config,
                      .name = fault.name,
                      .message = fmt::format("{} {}", fault.subject, fault.found),
                      .help = help_for(fault, *found.node, *find(root, above, where_missing).node)},
                     fault.place == ParamFault::Place::key || is_of_root ? found.key_where : found.node->where,
                     fault.expected,
                     Severity::error,
                     fault.name == "unknown-parameter" && !meant_by(fault.given, fault.choices).empty()});
  }
}

}  // namespace

ParamValue check_params(const DocNode& map, const std::vector<Param>& params, const ParamOwner& owner,
                        const Location& where_missing, Diagnostics& diagnostics) {
  std::vector<ParamFault> faults;
  ParamValue checked = millrace::check_params(DocValue(map), params, owner, faults);
  report(faults, map, where_missing, diagnostics);
  return checked;
}

ParamValue check_value(const DocNode& value, const ParamType& type, const std::string& what, Diagnostics& diagnostics) {
  std::vector<ParamFault> faults;
  ParamValue checked = millrace::check_value(DocValue(value), type, what, faults);
  report(faults, value, value.where, diagnostics);
  return checked;
}

}  // namespace millrace::pipelines
