#include "typed_path.hpp"

#include "overrides.hpp"
#include "param_check.hpp"
#include "scalars.hpp"
#include "suggestions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::pipelines {
namespace {

const Param* find_param(const std::vector<Param>& params, std::string_view name) {
  const auto it = std::find_if(params.begin(), params.end(), [&](const Param& p) { return p.name == name; });
  return it == params.end() ? nullptr : &*it;
}

// The option of an any-of that the path leads into: the one that is there, else the first with parts.
const ParamType* option_with_parts(const ParamType& type, const DocNode& node) {
  const auto has_parts = [](const ParamType& t) {
    return t.kind() == ParamType::Kind::list || t.kind() == ParamType::Kind::map ||
           t.kind() == ParamType::Kind::record || t.kind() == ParamType::Kind::one_of;
  };
  const ParamType* first = nullptr;
  for (const ParamType& option : type.options()) {
    if (!has_parts(option)) continue;
    if (node.is_list() == (option.kind() == ParamType::Kind::list)) return &option;
    if (first == nullptr) first = &option;
  }
  return first;
}

}  // namespace

DocMember& member_of(DocNode& map, const PathSegment& segment) {
  if (!map.is_map()) map = DocNode{DocNode::Kind::map, {}, false, segment.where, {}, {}};
  if (DocMember* member = map.find(segment.text)) return *member;
  return map.members.emplace_back(DocMember{segment.text, segment.where, {}});
}

std::size_t index_of(const PathSegment& segment, std::size_t size) {
  std::size_t index = 0;
  const char* end = segment.text.data() + segment.text.size();
  const auto [stop, error] = std::from_chars(segment.text.data(), end, index);
  return error != std::errc() || stop != end ? size : std::min(index, size);
}

void TypedPath::unknown(const PathSegment& at, const std::string& message, std::string help) {
  diagnostics_.add({ErrorKind::config, "unknown-path", message, at.where, "nothing to set here", std::move(help), {}});
}

void TypedPath::set_untyped(DocNode& node, Path path) {
  if (path.empty()) {
    node = value_;
    return;
  }
  const std::size_t index = index_of(path.front(), node.items.size());
  if (node.is_list() && index < node.items.size())
    set_untyped(node.items[index], path.subspan(1));
  else
    set_untyped(member_of(node, path.front()).value, path.subspan(1));
}

void TypedPath::set_param(DocNode& map, const std::vector<Param>& params, const std::string& owner, Path path) {
  if (path.empty()) {
    map = value_;
    return;
  }
  const Param* param = find_param(params, path.front().text);
  if (param == nullptr) {
    unknown(path.front(), fmt::format("`{}` has no `{}`", owner, shown(path.front().text)),
            did_you_mean(path.front().text, names_of(params), fmt::format("{} takes", owner)));
    return;
  }
  const bool is_new = !map.is_map() || map.find(param->name) == nullptr;
  DocNode& member = member_of(map, path.front()).value;
  if (is_new && path.size() > 1 && param->default_value)
    member = document_of(*param->default_value, default_location());
  set_value(member, param->type, path.front(), path.subspan(1));
}

void TypedPath::set_value(DocNode& node, const ParamType& type, const PathSegment& owner, Path path) {
  if (path.empty()) {
    node = value_;
    return;
  }
  switch (type.kind()) {
    case ParamType::Kind::list:
      return set_item(node, type, owner, path);
    case ParamType::Kind::map:
      return set_value(member_of(node, path.front()).value, type.element(), path.front(), path.subspan(1));
    case ParamType::Kind::record:
      return set_param(node, type.params(), owner.text, path);
    case ParamType::Kind::one_of:
      return set_alternative(node, type, path);
    case ParamType::Kind::any_of:
      if (const ParamType* option = option_with_parts(type, node)) return set_value(node, *option, owner, path);
      break;
    default:
      break;
  }
  unknown(path.front(), fmt::format("`{}` has no parts", owner.text),
          fmt::format("{} is: {}", owner.text, type.describe()));
}

void TypedPath::set_item(DocNode& list, const ParamType& type, const PathSegment& owner, Path path) {
  const std::size_t index = index_of(path.front(), list.items.size());
  if (list.is_list() && index < list.items.size())
    return set_value(list.items[index], type.element(), path.front(), path.subspan(1));
  unknown(path.front(), fmt::format("`{}` has no item `{}`", owner.text, shown(path.front().text)),
          list.items.empty() ? "the list is empty; set it as a whole"
                             : fmt::format("items are numbered 0 to {}", list.items.size() - 1));
}

void TypedPath::set_alternative(DocNode& node, const ParamType& type, Path path) {
  const PathSegment& name = path.front();
  const auto& all = type.alternatives();
  const auto chosen = std::find_if(all.begin(), all.end(), [&](const Alternative& a) { return a.name == name.text; });
  if (chosen == all.end()) {
    std::vector<std::string> names;
    for (const Alternative& a : all) {
      names.push_back(a.name);
      if (find_param(a.params, name.text) != nullptr && node.is_map() && node.find(a.name) != nullptr)
        return unknown(name, fmt::format("`{}` is a parameter of `{}`", name.text, a.name),
                       fmt::format("did you mean `{}.{}`?", a.name, name.text));
    }
    return unknown(name, fmt::format("`{}` is not one of the choices", shown(name.text)),
                   did_you_mean(name.text, names, "choices"));
  }
  const bool is_there = node.is_map() && node.members.size() == 1 && node.members.front().key == name.text;
  if (!is_there) node = DocNode{};
  set_param(member_of(node, name).value, chosen->params, name.text, path.subspan(1));
}

}  // namespace millrace::pipelines
