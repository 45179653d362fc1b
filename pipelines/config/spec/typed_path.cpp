// A recursive descent over types: each segment picks a member, an item or an alternative. A default is written out where a path leads into it.
#include "typed_path.hpp"

#include "config/params/param_document.hpp"
#include "config/params/value_help.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/detail/param_check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
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

// The path of an argument in front of one of its segments.
std::string path_before(const PathSegment& segment) {
  const std::string_view text = segment.where.source->text;
  return shown(text.substr(0, static_cast<std::size_t>(std::max(segment.where.column - 2, 0))));
}

// "{dense: {units: 64}}" for what is left of the path `...dense.units=64`.
std::string wrapped_value(Path path, std::string_view argument) {
  const std::size_t equals = argument.find('=');
  std::string value(equals == std::string_view::npos ? "" : argument.substr(equals + 1));
  for (std::size_t i = path.size(); i-- > 0;) value = fmt::format("{{{}: {}}}", path[i].text, value);
  return shown(value);
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

std::string TypedPath::value_text() const { return flow_text(value_); }

void TypedPath::unknown(const PathSegment& at, const std::string& message, std::string help) {
  diagnostics_.add({{.kind = ErrorKind::config, .name = "unknown-path", .message = message, .help = std::move(help)},
                    at.where,
                    "nothing to set here"});
}

// A list is added item by item, anything else as one item.
void TypedPath::edit(DocNode& node, const PathSegment& at) {
  if (edit_ != Edit::append) {
    node = value_;
    return;
  }
  if (!node.is_list() && !node.is_null())
    return unknown(at, fmt::format("`{}` is no list", shown(at.text)),
                   "`+=` adds items to a list; write `=` to set it");
  if (node.is_null()) node = DocNode{DocNode::Kind::list, {}, false, value_.where, {}, {}};
  if (value_.is_list())
    node.items.insert(node.items.end(), value_.items.begin(), value_.items.end());
  else
    node.items.push_back(value_);
}

void TypedPath::set_untyped(DocNode& node, Path path) {
  if (path.empty()) return edit(node, {"this", value_.where});
  const std::size_t index = index_of(path.front(), node.items.size());
  if (node.is_list() && index < node.items.size())
    set_untyped(node.items[index], path.subspan(1));
  else
    set_untyped(member_of(node, path.front()).value, path.subspan(1));
}

void TypedPath::set_param(DocNode& map, const std::vector<Param>& params, const std::string& owner, Path path) {
  if (path.empty()) return edit(map, {owner, value_.where});
  const Param* param = find_param(params, path.front().text);
  if (param == nullptr) {
    unknown(path.front(), fmt::format("`{}` has no `{}`", owner, shown(path.front().text)),
            did_you_mean(path.front().text, names_of(params), fmt::format("{} takes", owner)));
    return;
  }
  const bool is_new = !map.is_map() || map.find(param->name) == nullptr;
  DocNode& member = member_of(map, path.front()).value;
  if (is_new && (path.size() > 1 || edit_ == Edit::append) && param->default_value)
    member = document_of(*param->default_value, default_location());
  set_value(member, param->type, path.front(), path.subspan(1));
}

void TypedPath::set_value(DocNode& node, const ParamType& type, const PathSegment& owner, Path path, bool is_item) {
  if (path.empty()) return edit(node, owner);
  switch (type.kind()) {
    case ParamType::Kind::list:
      return set_item(node, type, owner, path);
    case ParamType::Kind::map:
      return set_value(member_of(node, path.front()).value, type.element(), path.front(), path.subspan(1));
    case ParamType::Kind::record:
      return set_param(node, type.params(), owner.text, path);
    case ParamType::Kind::one_of:
      return set_alternative(node, type, path, is_item);
    case ParamType::Kind::any_of:
      if (const ParamType* option = option_with_parts(type, node))
        return set_value(node, *option, owner, path, is_item);
      break;
    default:
      break;
  }
  unknown(path.front(), fmt::format("`{}` has no parts", owner.text),
          fmt::format("{} is: {}", owner.text, type.describe()));
}

void TypedPath::set_item(DocNode& list, const ParamType& type, const PathSegment& owner, Path path) {
  const std::size_t index = index_of(path.front(), list.items.size());
  if (list.is_list() && index < list.items.size()) {
    if (path.size() > 1 || !removes())
      return set_value(list.items[index], type.element(), path.front(), path.subspan(1), true);
    list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  unknown(path.front(), fmt::format("`{}` has no item `{}`", owner.text, shown(path.front().text)),
          list.items.empty() ? "the list is empty; set it as a whole" : help_for_items(list, type, path));
}

// What stands behind a number that no item has is what the user wants to add.
std::string TypedPath::help_for_items(const DocNode& list, const ParamType& type, Path path) const {
  const PathSegment& item = path.front();
  const bool is_number = !item.text.empty() && std::all_of(item.text.begin(), item.text.end(),
                                                           [](unsigned char c) { return std::isdigit(c) != 0; });
  std::string numbers = fmt::format("items are numbered 0 to {}", list.items.size() - 1);
  if (removes()) return numbers;
  const std::string path_of_list = path_before(item),
                    example = is_number ? wrapped_value(path.subspan(1), item.where.source->text)
                                        : example_item(type.element());
  const bool is_bare = example.find_first_of(":{") == std::string::npos || example.front() == '{';
  const std::string add =
      fmt::format("write --set '{}+={}'", path_of_list, is_bare ? example : fmt::format("{{{}}}", example));
  const std::string remove = fmt::format("--set {}.{}=null takes one away", path_of_list, list.items.size() - 1);
  return is_number ? fmt::format("to add one at the end {}; {}, {}", add, numbers, remove)
                   : fmt::format("{}; to add one at the end {}; {}", numbers, add, remove);
}

// "learn.model.0.dropout.rate=0.5" on a layer that is no dropout: the value is written as that of the whole item.
void TypedPath::refuse_to_switch(const std::string& is, Path path) {
  const PathSegment& name = path.front();
  unknown(name, fmt::format("this item is `{}`, not `{}`", shown(is), shown(name.text)),
          fmt::format("to replace it write --set '{}={}'", path_before(name),
                      wrapped_value(path, name.where.source->text)));
}

// `learn.optimizer.sgd=null` is no optimizer, and `learn.model.0.dense=null` no layer.
void TypedPath::refuse_to_unset(const std::vector<Alternative>& all, const PathSegment& name) {
  std::string others;
  for (const Alternative& a : all)
    if (a.name != name.text) others += (others.empty() ? "" : ", ") + a.name;
  const std::string path = path_before(name);
  unknown(name, fmt::format("`{}` is a kind of `{}`, which always has one", shown(name.text), shown(path)),
          fmt::format("set `{}` as a whole, or a parameter of it{}{}", shown(path),
                      others.empty() ? "" : "; there are also: ", others));
}

void TypedPath::set_alternative(DocNode& node, const ParamType& type, Path path, bool is_item) {
  const PathSegment& name = path.front();
  const auto& all = type.alternatives();
  const auto chosen = std::find_if(all.begin(), all.end(), [&](const Alternative& a) { return a.name == name.text; });
  if (chosen == all.end()) {
    std::vector<std::string> names;
    for (const Alternative& a : all) {
      names.push_back(a.name);
      if (find_param(a.params, name.text) != nullptr && node.is_map() && node.find(a.name) != nullptr)
        return unknown(name, fmt::format("`{}` is a parameter of `{}`", name.text, a.name),
                       suggestion({fmt::format("{}.{}", a.name, name.text)}));
    }
    return unknown(name, fmt::format("`{}` is not one of the choices", shown(name.text)),
                   did_you_mean(name.text, names, "choices"));
  }
  if (removes() && path.size() == 1) return refuse_to_unset(all, path.front());
  const std::string is = node.is_map() && node.members.size() == 1 ? node.members.front().key : node.text;
  if (is_item && !is.empty() && is != name.text) return refuse_to_switch(is, path);
  if (is != name.text || !node.is_map()) node = DocNode{};
  set_param(member_of(node, name).value, chosen->params, name.text, path.subspan(1));
}

}  // namespace millrace::pipelines
