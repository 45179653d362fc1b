// A stack of the lists and maps that are open. Each alias copies its value, and the copy counts toward the limit, against exponential growth.
#include "tree_builder.hpp"
#include "limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::string_view kCoreTags = "tag:yaml.org,2002:";

std::size_t depth_of_tree(const DocNode& node) {
  std::size_t below = 0;
  for (const DocNode& item : node.items) below = std::max(below, depth_of_tree(item));
  for (const DocMember& member : node.members) below = std::max(below, depth_of_tree(member.value));
  return below + 1;
}

std::string_view null_word(std::string_view text) {
  for (const std::string_view word : {"null", "Null", "NULL", "~"})
    if (text.starts_with(word)) return word;
  return {};
}

}  // namespace

TreeBuilder::TreeBuilder(TextPositions positions, Diagnostics& diagnostics, std::size_t& values)
    : positions_(std::move(positions)), diagnostics_(diagnostics), nodes_(values) {}

void TreeBuilder::fault(TextMark mark, std::string name, std::string message, std::string help) {
  diagnostics_.add(
      {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
       positions_.at(mark.line, mark.column)});
}

void TreeBuilder::stop(const Location& where, std::string name, std::string message, std::string help) {
  diagnostics_.add(
      {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
       where});
  throw ParseStopped{};
}

void TreeBuilder::count(std::size_t nodes, const Location& where) {
  nodes_ += nodes;
  if (nodes_ > kMaxDocumentNodes)
    stop(where, "too-large", fmt::format("more than {} values, aliases and bases counted", kMaxDocumentNodes),
         kKeepDataInFiles);
}

void TreeBuilder::check_tag(TextMark mark, const std::string& tag) {
  static constexpr std::array<std::string_view, 7> kNames{"str", "int", "float", "bool", "null", "map", "seq"};
  const std::string_view text = tag;
  if (text.empty() || text == "?" || text == "!") return;
  const bool core =
      text.starts_with(kCoreTags) && std::count(kNames.begin(), kNames.end(), text.substr(kCoreTags.size()));
  if (!core) fault(mark, "yaml-tag", fmt::format("tag `{}` is not allowed", tag), "remove the tag");
}

void TreeBuilder::scalar(TextMark mark, const std::string& tag, std::size_t anchor, const std::string& value) {
  check_tag(mark, tag);
  DocNode node;
  node.kind = DocNode::Kind::scalar;
  node.where = positions_.of_scalar(mark.line, mark.column, value);
  if (value.size() > kMaxScalarBytes)
    stop(node.where, "too-large", fmt::format("a text of {} bytes; at most {}", value.size(), kMaxScalarBytes),
         kKeepDataInFiles);
  if (!positions_.quote_is_closed(mark.line, mark.column))
    stop(node.where, "yaml-syntax", "this text has no closing quote", "add the quote");  // the parser would take it
  node.text = value;
  node.quoted = tag == "!" || tag == fmt::format("{}str", kCoreTags);
  count(1, node.where);
  put(std::move(node), anchor);
}

void TreeBuilder::null(TextMark mark, std::size_t anchor) {
  DocNode node;
  const std::string_view word = null_word(positions_.rest(mark.line, mark.column));
  const bool after_key = !open_.empty() && open_.back().has_key;
  // A value that is simply missing stands nowhere; its key is the place to look at.
  node.where =
      word.empty() && after_key ? open_.back().member.key_where : positions_.of_scalar(mark.line, mark.column, word);
  count(1, node.where);
  put(std::move(node), anchor);
}

void TreeBuilder::alias(TextMark mark, std::size_t anchor) {
  const Location where = positions_.at(mark.line, mark.column);
  const auto it = anchors_.find(anchor);
  if (it == anchors_.end())
    stop(where, "alias-cycle", "this alias stands inside the value that it names", "write the inner value out");
  if (open_.size() + depth_of_tree(it->second) > kMaxDepth)
    stop(where, "too-deep", fmt::format("nested deeper than {} levels, aliases expanded", kMaxDepth),
         "use fewer levels");
  count(count_values(it->second), where);
  put(DocNode(it->second), 0);
}

void TreeBuilder::begin(DocNode::Kind kind, TextMark mark, const std::string& tag, std::size_t anchor) {
  check_tag(mark, tag);
  Open open;
  open.node.kind = kind;
  open.node.where = positions_.at(mark.line, mark.column);
  open.anchor = anchor;
  count(1, open.node.where);
  if (open_.size() >= kMaxDepth)
    stop(open.node.where, "too-deep", fmt::format("nested deeper than {} levels", kMaxDepth), "use fewer levels");
  open_.push_back(std::move(open));
}

void TreeBuilder::end() {
  Open done = std::move(open_.back());
  open_.pop_back();
  for (const DocNode& from : done.merged) {
    for (const DocNode& item : from.items) merge(done, item);
    if (from.is_map()) merge(done, from);
  }
  put(std::move(done.node), done.anchor);
}

void TreeBuilder::put(DocNode node, std::size_t anchor) {
  if (anchor != 0) {
    count(count_values(node), node.where);  // the copy kept for aliases takes memory as well
    anchors_[anchor] = node;
  }
  if (open_.empty())
    root_ = std::move(node);
  else if (open_.back().node.is_list())
    open_.back().node.items.push_back(std::move(node));
  else if (!open_.back().has_key)
    take_key(open_.back(), std::move(node));
  else
    take_value(open_.back(), std::move(node));
}

void TreeBuilder::take_key(Open& map, DocNode node) {
  map.has_key = true;
  map.repeated = false;
  map.member.key_where = node.where;
  map.member.key = node.is_scalar() && node.quoted && node.text == "<<" ? "\"<<\"" : node.text;
  if (!node.is_scalar()) {
    map.repeated = true;
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = "yaml-key",
                       .message = "a key must be a text",
                       .help = "write a name before the `:`"},
                      node.where});
    return;
  }
  const auto [first, inserted] = map.keys.try_emplace(map.member.key, node.where);
  if (inserted) return;
  map.repeated = true;
  diagnostics_.add({{.kind = ErrorKind::config,
                     .name = "duplicate-key",
                     .message = fmt::format("`{}` is written twice in one map", node.text),
                     .help = "remove one of the two",
                     .notes = {fmt::format("the first one is at line {}, column {}", first->second.line,
                                           positions_.shown_column(first->second))}},
                    node.where,
                    "the second one"});
}

void TreeBuilder::take_value(Open& map, DocNode node) {
  map.has_key = false;
  if (map.repeated) return;
  if (map.member.key != "<<") {
    map.member.value = std::move(node);
    map.node.members.push_back(std::move(map.member));
    map.member = {};
    return;
  }
  const bool maps = node.is_map() || (node.is_list() && std::all_of(node.items.begin(), node.items.end(),
                                                                    [](const DocNode& n) { return n.is_map(); }));
  if (maps)
    map.merged.push_back(std::move(node));
  else
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = "yaml-merge",
                       .message = "`<<` merges a map, or a list of maps",
                       .help = "write `<<: *name_of_a_map`"},
                      node.where});
}

// Keys of the map itself win over merged ones, earlier merged maps over later ones.
void TreeBuilder::merge(Open& map, const DocNode& from) {
  for (const DocMember& member : from.members)
    if (map.keys.try_emplace(member.key, member.key_where).second) map.node.members.push_back(member);
}

}  // namespace millrace::pipelines
