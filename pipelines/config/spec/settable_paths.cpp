#include "settable_paths.hpp"

#include "chains.hpp"
#include "config_schema.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "param_document.hpp"

#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace millrace::pipelines {
namespace {

using Kind = ParamType::Kind;

class PathCollector {
 public:
  PathCollector(const DocNode& document, const StageRegistry& registry) : document_(document), registry_(registry) {}

  std::vector<std::string> take() {
    for (const Param& param : top_level_params()) add(param.name);
    if (const DocMember* graph = document_.find("graph"))
      for (const DocMember& node : graph->value.members) add_node(node.key, node.value);
    return std::move(paths_);
  }

 private:
  bool add(std::string path) {
    constexpr std::size_t kMost = 10'000;
    if (paths_.size() >= kMost) return false;
    paths_.push_back(std::move(path));
    return true;
  }

  void add_node(const std::string& name, const DocNode& node) {
    const DocMember *stage = node.find("stage"), *with = node.find("with");
    const DocNode* params = with != nullptr ? &with->value : nullptr;
    if (stage != nullptr)
      add_stage(name, stage->value.text, params);
    else
      add_chain(name, node, params);
    for (const Param& param : run_params()) add(fmt::format("{}.run.{}", name, param.name));
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
      if (!add(path)) return;
      const DocMember* given = values != nullptr ? values->find(param.name) : nullptr;
      if (given != nullptr)
        add_parts(path, param.type, given->value);
      else if (param.default_value)
        add_parts(path, param.type, document_of(*param.default_value, default_location()));
    }
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
  std::vector<std::string> paths_;
};

std::string_view last_part(std::string_view path) {
  const std::size_t point = path.rfind('.');
  return point == std::string_view::npos ? path : path.substr(point + 1);
}

std::vector<std::string> ending_in(std::string_view part, const std::vector<std::string>& paths) {
  std::vector<std::string> found;
  for (const std::string& path : paths)
    if (last_part(path) == part) found.push_back(path);
  return found;
}

// Those that go the way of `wanted` for longest.
std::vector<std::string> nearest(std::string_view wanted, const std::vector<std::string>& paths) {
  std::vector<std::string> found;
  std::size_t longest = 0;
  for (const std::string& path : paths) {
    const auto end = std::mismatch(wanted.begin(), wanted.end(), path.begin(), path.end()).first;
    const auto shared = static_cast<std::size_t>(std::count(wanted.begin(), end, '.'));
    if (shared > longest) found.clear();
    longest = std::max(longest, shared);
    if (shared == longest) found.push_back(path);
  }
  return found;
}

std::vector<std::string> ending_as(std::string_view wanted, const std::vector<std::string>& paths) {
  const std::string_view part = last_part(wanted);
  if (const std::vector<std::string> same = ending_in(part, paths); !same.empty()) return nearest(wanted, same);
  std::set<std::string> names;
  for (const std::string& path : paths) names.emplace(last_part(path));
  const std::string meant = meant_by(part, {names.begin(), names.end()});
  return meant.empty() ? std::vector<std::string>() : nearest(wanted, ending_in(meant, paths));
}

}  // namespace

std::vector<std::string> settable_paths(const DocNode& document, const StageRegistry& registry) {
  return PathCollector(document, registry).take();
}

std::vector<std::string> paths_meant(std::string_view wanted, const std::vector<std::string>& paths) {
  const std::string within = std::string(wanted.substr(0, wanted.find('.'))) + ".";
  std::vector<std::string> inside;
  for (const std::string& path : paths)
    if (path.starts_with(within)) inside.push_back(path);
  std::vector<std::string> found = ending_as(wanted, inside);
  return found.empty() ? ending_as(wanted, paths) : found;
}

std::string write_set(const std::vector<std::string>& paths, std::string_view value) {
  constexpr std::size_t kMost = 6;
  const std::string text = shown(value);
  const bool wants_quotes = text.find_first_of("{}[]*&|<>;()$ '\"#") != std::string::npos;
  std::string sentence;
  for (std::size_t i = 0; i < std::min(paths.size(), kMost); ++i)
    sentence += fmt::format(fmt::runtime(wants_quotes ? "{}--set '{}={}'" : "{}--set {}={}"),
                            i == 0 ? "write " : ", or ", paths[i], text);
  return paths.size() > kMost ? sentence + ", ..." : sentence;
}

}  // namespace millrace::pipelines
