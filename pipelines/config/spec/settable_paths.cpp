// Walks descriptors and document together to list the paths; of those whose last part is spelled the same or almost so, the longest common
// prefix decides.
#include "settable_paths.hpp"

#include "chains.hpp"
#include "config/document/yaml_parser.hpp"
#include "config/params/config_schema.hpp"
#include "config/params/param_document.hpp"
#include "config/params/value_help.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::pipelines {
namespace {

using Kind = ParamType::Kind;

class PathCollector {
 public:
  PathCollector(const DocNode& document, const StageRegistry& registry) : document_(document), registry_(registry) {}

  std::vector<SettablePath> take() {
    for (const Param& param : top_level_params()) add({param.name, &param.type, nullptr});
    if (const DocMember* graph = document_.find("graph"))
      for (const DocMember& node : graph->value.members) add_node(node.key, node.value);
    return std::move(paths_);
  }

 private:
  bool add(SettablePath path) {
    constexpr std::size_t kMost = 10'000;
    if (paths_.size() >= kMost) return false;
    paths_.push_back(std::move(path));
    return true;
  }

  void add_node(const std::string& name, const DocNode& node) {
    const DocMember *stage = node.find("stage"), *with = node.find("with");
    const DocNode* params = with != nullptr ? &with->value : nullptr;
    const StageInfo* info = stage != nullptr ? registry_.find(stage->value.text) : nullptr;
    const bool has_budget = info != nullptr && info->kind == StageKind::source;
    if (stage != nullptr)
      add_stage(name, stage->value.text, params);
    else
      add_chain(name, node, params);
    for (const Param& param : run_params())
      if (has_budget || !is_budget(param.name)) add({fmt::format("{}.run.{}", name, param.name), &param.type, nullptr});
  }

  void add_stage(const std::string& prefix, const std::string& stage, const DocNode* params) {
    if (const StageInfo* info = registry_.find(stage)) add_params(prefix, info->spec.params(), params);
  }

  void add_chain(const std::string& name, const DocNode& node, const DocNode* params) {
    const DocMember *chain = node.find("chain"), *chains = document_.find("chains");
    const DocMember* list = chain != nullptr && chains != nullptr ? chains->value.find(chain->value.text) : nullptr;
    if (list == nullptr) return;
    for (const ChainItem& item : chain_items(list->value)) {
      const DocMember* own = params != nullptr ? params->find(item.instance) : nullptr;
      add_stage(fmt::format("{}.{}", name, item.instance), item.stage, own != nullptr ? &own->value : item.with);
    }
  }

  void add_params(const std::string& prefix, const std::vector<Param>& params, const DocNode* values) {
    for (const Param& param : params) {
      const std::string path = fmt::format("{}.{}", prefix, param.name);
      const DocMember* given = values != nullptr ? values->find(param.name) : nullptr;
      if (!add({path, &param.type, given != nullptr && !in_default_ ? &given->value : nullptr})) return;
      if (given != nullptr)
        add_parts(path, param.type, given->value);
      else if (param.default_value)
        add_default(path, param);
    }
  }

  // Its document ends with this call, so nothing may point into it.
  void add_default(const std::string& path, const Param& param) {
    const bool was_in_default = std::exchange(in_default_, true);
    add_parts(path, param.type, document_of(*param.default_value, default_location()));
    in_default_ = was_in_default;
  }

  void add_parts(const std::string& path, const ParamType& type, const DocNode& value) {
    switch (type.kind()) {
      case Kind::record:
        return add_params(path, type.params(), &value);
      case Kind::list:
        for (std::size_t i = 0; i < value.items.size(); ++i)
          add_parts(fmt::format("{}.{}", path, i), type.element(), value.items[i]);
        return;
      case Kind::one_of:
        return add_chosen(path, type, value);
      case Kind::any_of:
        for (const ParamType& option : type.options())
          if (value.is_list() == (option.kind() == Kind::list)) add_parts(path, option, value);
        return;
      default:
        return;
    }
  }

  void add_chosen(const std::string& path, const ParamType& type, const DocNode& value) {
    const std::string name = value.is_map() && value.members.size() == 1 ? value.members.front().key : value.text;
    for (const Alternative& a : type.alternatives())
      if (a.name == name)
        add_params(fmt::format("{}.{}", path, name), a.params, value.is_map() ? &value.members.front().value : nullptr);
  }

  const DocNode& document_;
  const StageRegistry& registry_;
  std::vector<SettablePath> paths_;
  bool in_default_ = false;
};

std::string_view last_part(std::string_view path) {
  const std::size_t point = path.rfind('.');
  return point == std::string_view::npos ? path : path.substr(point + 1);
}

std::vector<SettablePath> ending_in(std::string_view part, const std::vector<SettablePath>& paths) {
  std::vector<SettablePath> found;
  for (const SettablePath& at : paths)
    if (last_part(at.path) == part) found.push_back(at);
  return found;
}

// Those that go the way of `wanted` for longest.
std::vector<SettablePath> nearest(std::string_view wanted, const std::vector<SettablePath>& paths) {
  std::vector<SettablePath> found;
  std::size_t longest = 0;
  for (const SettablePath& at : paths) {
    const auto end = std::mismatch(wanted.begin(), wanted.end(), at.path.begin(), at.path.end()).first;
    const auto shared = static_cast<std::size_t>(std::count(wanted.begin(), end, '.'));
    if (shared > longest) found.clear();
    longest = std::max(longest, shared);
    if (shared == longest) found.push_back(at);
  }
  return found;
}

std::vector<SettablePath> ending_as(std::string_view wanted, const std::vector<SettablePath>& paths) {
  const std::string_view part = last_part(wanted);
  if (const std::vector<SettablePath> same = ending_in(part, paths); !same.empty()) return nearest(wanted, same);
  std::set<std::string> names;
  for (const SettablePath& at : paths) names.emplace(last_part(at.path));
  const std::string meant = meant_by(part, {names.begin(), names.end()});
  return meant.empty() ? std::vector<SettablePath>() : nearest(wanted, ending_in(meant, paths));
}

// The value as it has to be written there, perhaps as a list of one; empty when it does not fit.
std::string fitting(const SettablePath& at, const std::string& value) {
  if (at.type == nullptr || fits(value, *at.type)) return value;
  const std::string list = fmt::format("[{}]", value);
  return at.type->kind() == Kind::list && fits(list, *at.type) ? list : std::string();
}

std::string set_command(const std::string& path, const std::string& value) {
  const bool wants_quotes = value.find_first_of("{}[]*&|<>;()$ '\"#") != std::string::npos;
  return wants_quotes ? fmt::format("--set '{}={}'", path, value) : fmt::format("--set {}={}", path, value);
}

// Where the value fits nowhere: how many layers there are is the length of a list; else what would fit.
std::string what_they_take(const std::vector<SettablePath>& paths, const std::string& value) {
  const SettablePath& first = paths.front();
  if (const std::string list = list_for_a_number(value, *first.type); !list.empty())
    return fmt::format("the number of {} is the length of the list: write {}",
                       last_part(first.path) == "model" ? "layers" : "items", set_command(first.path, list));
  return fmt::format("there is `{}`, which takes {}", first.path, first.type->describe());
}

// `dropout=0.5` names a kind of item and no place: the list with one of them before its last item, which gives a model's outputs.
std::string write_list_with(std::string_view kind, std::string_view value, const std::vector<SettablePath>& paths) {
  for (const SettablePath& at : paths) {
    if (at.value == nullptr || at.value->items.empty() || at.type->kind() != Kind::list) continue;
    const std::string item = item_of_kind(kind, value, at.type->element());
    if (item.empty()) continue;
    DocNode before = *at.value, last;
    last.kind = DocNode::Kind::list;
    last.items.push_back(std::move(before.items.back()));
    before.items.pop_back();
    std::string list = flow_text(before), end = flow_text(last);
    list.back() = ',';  // for the bracket
    if (before.items.empty()) list = "[";
    return fmt::format("`{}` is an item of the list `{}`: write {}", kind, at.path,
                       set_command(at.path, fmt::format("{} {}, {}", list, item, end.substr(1))));
  }
  return {};
}

}  // namespace

std::vector<SettablePath> settable_paths(const DocNode& document, const StageRegistry& registry) {
  return PathCollector(document, registry).take();
}

std::vector<SettablePath> paths_meant(std::string_view wanted, const std::vector<SettablePath>& paths) {
  const std::string within = std::string(wanted.substr(0, wanted.find('.'))) + ".";
  std::vector<SettablePath> inside;
  for (const SettablePath& at : paths)
    if (at.path.starts_with(within)) inside.push_back(at);
  std::vector<SettablePath> found = ending_as(wanted, inside);
  return found.empty() ? ending_as(wanted, paths) : found;
}

std::string write_set(const std::vector<SettablePath>& paths, std::string_view value) {
  constexpr std::size_t kMost = 6;
  const std::string text = value.empty() ? "VALUE" : shown(value);
  std::string sentence;
  std::size_t written = 0;
  for (const SettablePath& at : paths) {
    const std::string fit = value.empty() ? text : fitting(at, text);
    if (fit.empty()) continue;
    if (++written > kMost) return sentence + ", ...";
    sentence += (written == 1 ? "write " : ", or ") + set_command(at.path, fit);
  }
  return written > 0 || paths.empty() ? sentence : what_they_take(paths, text);
}

std::string set_meant(std::string_view wanted, std::string_view value, const DocNode& document,
                      const StageRegistry& registry) {
  const std::vector<SettablePath> paths = settable_paths(document, registry);
  const std::string list = write_list_with(wanted, value, paths);
  return list.empty() ? write_set(paths_meant(wanted, paths), value) : list;
}

}  // namespace millrace::pipelines
