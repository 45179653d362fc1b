// A map of parameters against those that a stage or a layer declares.
#include "param_check.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

ParamValue default_of(const Param& param, const Location& where, Diagnostics& diagnostics) {
  if (!param.default_value || param.default_value->is_null()) return {};
  // A default may itself leave out parts that have defaults, such as `rmsprop`.
  return check_value(document_of(*param.default_value, where), param.type,
                     fmt::format("the default of `{}`", param.name), diagnostics);
}

void report_unknown(const DocNode& map, const std::vector<Param>& params, const ParamOwner& owner,
                    Diagnostics& diagnostics) {
  const std::vector<std::string> names = names_of(params);
  for (const DocMember& m : map.members) {
    if (std::find(names.begin(), names.end(), m.key) != names.end()) continue;
    diagnostics.add({ErrorKind::config,
                     "unknown-parameter",
                     fmt::format("`{}` of {}", shown(m.key), owner.title),
                     m.key_where,
                     fmt::format("not a parameter of `{}`", owner.name),
                     did_you_mean(m.key, names, fmt::format("{} takes", owner.name)),
                     {}});
  }
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

// `class` for `classes` is one mistake: the error about the unknown name already says what is meant.
bool is_misspelt(const std::string& name, const DocNode& map, const std::vector<std::string>& names) {
  return std::any_of(map.members.begin(), map.members.end(), [&](const DocMember& m) {
    return std::find(names.begin(), names.end(), m.key) == names.end() && meant_by(m.key, names) == name;
  });
}

}  // namespace

std::vector<std::string> names_of(const std::vector<Param>& params) {
  std::vector<std::string> names;
  for (const Param& p : params) names.push_back(p.name);
  return names;
}

ParamValue check_params(const DocNode& map, const std::vector<Param>& params, const ParamOwner& owner,
                        const Location& where_missing, Diagnostics& diagnostics) {
  if (!map.is_map() && !map.is_null()) {
    diagnostics.add({ErrorKind::config,
                     "wrong-type",
                     fmt::format("the parameters of {} are {}", owner.title, kind_of(map)),
                     map.where,
                     "expected a map",
                     written_out(map, params),
                     {}});
    return {};
  }
  report_unknown(map, params, owner, diagnostics);
  ParamValue::Map values;
  for (const Param& param : params) {
    const DocMember* given = map.find(param.name);
    if (given == nullptr && param.is_required() && !is_misspelt(param.name, map, names_of(params)))
      diagnostics.add({ErrorKind::config,
                       "missing-parameter",
                       fmt::format("{} needs `{}`", owner.title, param.name),
                       where_missing,
                       fmt::format("`{}` is missing", param.name),
                       fmt::format("add `{}`: {} ({})", param.name, param.doc, param.type.describe()),
                       {}});
    if (given == nullptr || (given->value.is_null() && param.optional))
      values.emplace_back(param.name, default_of(param, where_missing, diagnostics));
    else
      values.emplace_back(param.name, check_value(given->value, param.type,
                                                  fmt::format("`{}` of {}", param.name, owner.title), diagnostics));
  }
  return values;
}

}  // namespace millrace::pipelines
