// Splits PATH at its points and dispatches on the first segment: top-level key, chain or node. A path that leads nowhere is answered with
// those that end alike.
#include "overrides.hpp"

#include "chains.hpp"
#include "config/document/references.hpp"
#include "config/document/yaml_parser.hpp"
#include "config/params/config_schema.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "settable_paths.hpp"
#include "typed_path.hpp"

#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace::pipelines {
namespace {

std::vector<PathSegment> split_path(const std::shared_ptr<const SourceText>& source, std::string_view path) {
  std::vector<PathSegment> segments;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const int length = static_cast<int>(std::max<std::size_t>(1, end - start));
    segments.push_back(
        {std::string(path.substr(start, end - start)), {source, 1, static_cast<int>(start) + 1, length}});
    start = end + 1;
  }
  return segments;
}

std::vector<std::string> keys_of(const DocNode& map) {
  std::vector<std::string> keys;
  for (const DocMember& m : map.members) keys.push_back(m.key);
  return keys;
}

DocNode null_at(const Location& where) {
  DocNode null;
  null.where = where;
  return null;
}

std::string text_of(const DocNode& map, std::string_view key) {
  const DocMember* member = map.find(key);
  return member != nullptr && member->value.is_scalar() ? member->value.text : std::string();
}

class OverrideApplier {
 public:
  OverrideApplier(DocNode& document, const StageRegistry& registry, const DocNode& value, Edit edit,
                  Diagnostics& diagnostics)
      : document_(document), registry_(registry), typed_(value, edit, diagnostics) {}

  void apply(Path path) {
    const std::string& first = path.front().text;
    DocMember* graph = document_.find("graph");
    DocMember* node = graph != nullptr ? graph->value.find(first) : nullptr;
    if (is_top_level(first)) return typed_.set_param(document_, top_level_params(), "the config", path);
    if (first == "chains") return set_chain(path);
    if (node != nullptr && path.size() == 1 && typed_.removes()) return remove(graph->value, first);
    if (node != nullptr) return set_node(node->value, path.front(), path.subspan(1));
    if (first == "extends")
      return typed_.unknown(path.front(), "`extends` is heeded before the command line",
                            "write it into a file: `extends: base.yaml`, and what differs below");
    if (is_free_key(first))
      return typed_.unknown(path.front(), fmt::format("`{}` is yours: nothing reads it", shown(first)),
                            "set what it was written for: aliases have been replaced before");
    std::vector<std::string> known = graph != nullptr ? keys_of(graph->value) : std::vector<std::string>();
    for (const Param& p : top_level_params()) known.push_back(p.name);
    if (first == "graph" && path.size() == 2 && (graph == nullptr || graph->value.find(path[1].text) == nullptr))
      return refuse_node(path[1], fmt::format("there is no node `{}`", shown(path[1].text)), false);
    if (first == "graph" && path.size() == 1)
      return typed_.unknown(path.front(), "`graph` cannot be set as a whole",
                            "a path begins with a node: NODE.PARAMETER=VALUE, NODE=null");
    if (first == "graph" && path.size() > 1)
      return typed_.unknown(path.front(), "a path begins with the node",
                            fmt::format("leave out `graph.`: {}...", path[1].text));
    const std::string message = fmt::format("there is no node and no top-level key `{}`", shown(first));
    if (path.size() == 1 && typed_.sets_a_node()) return refuse_node(path.front(), message, false);
    typed_.unknown(path.front(), message, did_you_mean(first, known, "there are"));
  }

 private:
  static bool is_top_level(const std::string& name) {
    const auto& params = top_level_params();
    return std::any_of(params.begin(), params.end(), [&](const Param& p) { return p.name == name; });
  }

  static void remove(DocNode& map, std::string_view key) {
    std::erase_if(map.members, [&](const DocMember& m) { return m.key == key; });
  }

  // `log.in.valid=null`, `log.in=null`.
  void remove_input(DocNode& node, Path path) {
    DocMember* in = node.find("in");
    if (path.size() == 1) return remove(node, "in");
    if (in != nullptr && path.size() == 2 && in->value.find(path[1].text) != nullptr)
      return remove(in->value, path[1].text);
    typed_.unknown(
        path.back(), fmt::format("there is no input `{}`", shown(path.back().text)),
        did_you_mean(path.back().text, in != nullptr ? keys_of(in->value) : std::vector<std::string>{}, "inputs"));
  }

  // A node is more than a value: what it is connected to stands in it, and what is connected to it elsewhere.
  void refuse_node(const PathSegment& name, const std::string& message, bool is_there) {
    const std::string config = document_.where.source ? document_.where.source->name : "CONFIG";
    typed_.unknown(
        name, message,
        fmt::format("{}a file of two lines {}:\n     extends: {}\n     graph: {{{}: {}}}",
                    is_there
                        ? fmt::format("name one of its parameters, or write --set {}=null to take it away; ", name.text)
                        : "",
                    is_there ? "replaces it" : "adds one, which --set cannot", printable_line(config), shown(name.text),
                    typed_.sets_a_node() ? typed_.value_text() : "{stage: ..., in: ...}"));
  }

  // Of the node, and no parameter of its stage.
  bool is_input_alone(const DocNode& node, const std::string& key) const {
    const DocMember* in = node.find("in");
    if (in == nullptr || in->value.find(key) == nullptr) return false;
    const StageInfo* info = registry_.find(text_of(node, "stage"));
    const auto is_it = [&](const Param& param) { return param.name == key; };
    return info == nullptr || std::none_of(info->spec.params().begin(), info->spec.params().end(), is_it);
  }

  void set_node(DocNode& node, const PathSegment& name, Path path) {
    if (path.empty()) return refuse_node(name, fmt::format("`{}` is a whole node", name.text), true);
    if (!node.is_map()) return;  // reported when the graph is read
    const std::string& key = path.front().text;
    if (key == "run")
      return typed_.set_param(member_of(node, path.front()).value, run_params(), "run", path.subspan(1));
    if (key == "in" && typed_.removes()) return remove_input(node, path);
    if (typed_.removes() && path.size() == 1 && is_input_alone(node, key))
      return typed_.unknown(path.front(), fmt::format("`{}` is an input of `{}`", shown(key), name.text),
                            fmt::format("to take it away write --set {}.in.{}=null", name.text, shown(key)));
    if (is_node_key(key) && key != "with")
      return typed_.set_untyped(member_of(node, path.front()).value, path.subspan(1));
    const PathSegment with{"with", path.front().where};
    DocNode& params = member_of(node, with).value;
    const Path inside = key == "with" ? path.subspan(1) : path;
    if (node.find("chain") != nullptr)
      set_chain_node(params, text_of(node, "chain"), inside);
    else
      set_stage_param(params, text_of(node, "stage"), inside);
  }

  void set_stage_param(DocNode& params, const std::string& stage, Path path) {
    if (const StageInfo* info = registry_.find(stage))
      return typed_.set_param(params, info->spec.params(), stage, path);
    typed_.set_untyped(params, path);
  }

  // `train_inputs.normalize.scale`: this use of the chain only.
  void set_chain_node(DocNode& params, const std::string& chain, Path path) {
    if (path.empty()) return typed_.set_untyped(params, path);
    const DocMember* chains = document_.find("chains");
    const DocMember* list = chains != nullptr ? chains->value.find(chain) : nullptr;
    if (list == nullptr) return;  // an unknown chain is reported when the graph is read
    std::vector<std::string> instances;
    for (const ChainItem& item : chain_items(list->value)) {
      if (item.instance == path.front().text && path.size() == 1 && typed_.removes()) {
        member_of(params, path.front()).value = null_at(path.front().where);
        return;
      }
      if (item.instance == path.front().text)
        return set_stage_param(member_of(params, path.front()).value, item.stage, path.subspan(1));
      instances.push_back(item.instance);
    }
    typed_.unknown(path.front(), fmt::format("chain `{}` has no stage `{}`", chain, shown(path.front().text)),
                   did_you_mean(path.front().text, instances, "its stages"));
  }

  // `chains.rows.1.normalize.scale`: every use of the chain.
  void set_chain(Path path) {
    DocNode& chains = member_of(document_, path.front()).value;
    if (path.size() < 2 || !chains.is_map() || chains.find(path[1].text) == nullptr)
      return typed_.unknown(path.back(), "this names no chain",
                            did_you_mean(path.back().text, keys_of(chains), "there are the chains"));
    if (path.size() == 2 && typed_.removes()) return remove(chains, path[1].text);
    DocNode& list = chains.find(path[1].text)->value;
    if (path.size() == 2) return typed_.set_untyped(list, {});
    const std::size_t index = index_of(path[2], list.items.size());
    if (index >= list.items.size())
      return typed_.unknown(path[2], fmt::format("chain `{}` has no item `{}`", path[1].text, shown(path[2].text)),
                            fmt::format("it has {}, counted from 0", list.items.size()));
    if (path.size() == 3 && typed_.removes()) {
      list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(index));
      return;
    }
    set_chain_item(list.items[index], path.subspan(3));
  }

  void set_chain_item(DocNode& item, Path path) {
    if (path.empty()) return typed_.set_untyped(item, path);
    const std::string stage = item.is_map() && item.members.size() == 1 ? item.members.front().key : item.text;
    if (path.front().text != stage)
      return typed_.unknown(path.front(), fmt::format("this item is the stage `{}`", shown(stage)),
                            suggestion({stage}));
    const PathSegment as_written{stage, item.is_scalar() ? item.where : path.front().where};
    set_stage_param(member_of(item, as_written).value, stage, path.subspan(1));
  }

  DocNode& document_;
  const StageRegistry& registry_;
  TypedPath typed_;
};

// What people write in other tools; empty when it is nothing of the kind.
std::string in_our_words(std::string_view path, std::string_view value) {
  if (path.starts_with('~'))
    return fmt::format("to take a node, an input or an item away write --set {}=null", shown(path.substr(1)));
  if (path.starts_with('+')) {
    path.remove_prefix(std::min(path.find_first_not_of('+'), path.size()));
    return fmt::format("{}; to add to a list write PATH+=VALUE", write_set({{std::string(path)}}, value));
  }
  std::string points;
  for (const char c : path)
    if (c != ']') points += c == '[' ? '.' : c;
  return points == path ? "" : write_set({{points}}, value);
}

// Not only what there is.
bool says_what_to_do(std::string_view help) {
  constexpr std::array<std::string_view, 9> kSaid{"to replace", "to add",   "the list is", "leave out", "name one",
                                                  "set what",   "write it", "`+=`",        "a file"};
  return std::any_of(kSaid.begin(), kSaid.end(), [&](std::string_view said) { return help.starts_with(said); });
}

// A path that leads nowhere is answered with those that end as it does, wherever they begin.
void say_where(const Diagnostics& found, const DocNode& document, const StageRegistry& registry, std::string_view path,
               std::string_view value, Edit edit, Diagnostics& diagnostics) {
  diagnostics.add_all(found.edited([&](Diagnostic& d) {
    if (d.name != "unknown-path") return true;
    const std::string ours = in_our_words(path, value);
    const bool is_answered = says_what_to_do(d.help) || edit == Edit::remove;
    const std::string meant = ours.empty() && !is_answered ? set_meant(path, value, document, registry) : "";
    if (!ours.empty())
      d.help = ours;
    else if (!meant.empty())
      d.help = d.help.starts_with("items are") ? fmt::format("{}; {}", meant, d.help) : meant;
    return true;
  }));
}

void report_syntax(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics) {
  const std::string_view text = source->text;
  const int length = static_cast<int>(std::max<std::size_t>(1, text.size()));
  diagnostics.add({{.kind = ErrorKind::usage,
                    .name = "override-syntax",
                    .message = fmt::format("`{}` is not PATH=VALUE", shown(text)),
                    .help = text.starts_with('~') ? in_our_words(text, "") : "for example --set epochs=1"},
                   Location{source, 1, 1, length}});
}

void apply_one(DocNode& document, const Override& override, const StageRegistry& registry, Diagnostics& diagnostics) {
  const auto source = std::make_shared<const SourceText>(SourceText{override.origin, override.text, true});
  const std::size_t equals = override.text.find('=');
  if (equals == std::string::npos || equals == 0) return report_syntax(source, diagnostics);
  std::optional<DocNode> value = parse_yaml(source, equals + 1, diagnostics);
  if (!value) return;
  const bool is_empty = !value->where.source;  // nothing stands behind the =
  if (is_empty) value->where = {source, 1, static_cast<int>(equals) + 1, 1};
  replace_environment(*value, diagnostics);
  const bool appends = override.text[equals - 1] == '+';
  const Edit edit = appends ? Edit::append : value->is_null() && !is_empty ? Edit::remove : Edit::set;
  const std::string_view text = override.text, path_text = text.substr(0, equals - (appends ? 1 : 0));
  const std::vector<PathSegment> path = split_path(source, path_text);
  Diagnostics found;
  DocNode changed = document;  // what leads nowhere leaves nothing behind, such as the members on its way
  OverrideApplier(changed, registry, *value, edit, found).apply(path);
  if (found.empty()) document = std::move(changed);
  say_where(found, document, registry, path_text, text.substr(equals + 1), edit, diagnostics);
}

bool is_null(const Override& override, std::size_t start) {
  Diagnostics ignored;
  const auto source = std::make_shared<const SourceText>(SourceText{override.origin, override.text, true});
  const std::optional<DocNode> value = parse_yaml(source, start, ignored);
  return value && value->is_null() && value->where.source;
}

// `NODE.STAGE` of a node that uses a chain.
bool names_stage_of_chain(const DocNode& document, std::string_view path) {
  const std::size_t point = path.find('.');
  const DocMember* graph = document.find("graph");
  const DocMember* node = graph != nullptr ? graph->value.find(path.substr(0, point)) : nullptr;
  return node != nullptr && node->value.find("chain") != nullptr && point != std::string_view::npos &&
         path.find('.', point + 1) == std::string_view::npos;
}

// A node, an input, a chain or an item of one; not a parameter, which null only unsets.
bool takes_part_away(const DocNode& document, const Override& override) {
  const std::string_view text = override.text, path = text.substr(0, text.find('='));
  const bool is_part = path.find('.') == std::string_view::npos || path.starts_with("chains.") ||
                       path.ends_with(".in") || path.find(".in.") != std::string_view::npos ||
                       names_stage_of_chain(document, path);
  return is_part && path.size() < text.size() && is_null(override, path.size() + 1);
}

}  // namespace

std::vector<Override> without_removals(const DocNode& document, const std::vector<Override>& overrides) {
  std::vector<Override> rest = overrides;
  std::erase_if(rest, [&](const Override& override) { return takes_part_away(document, override); });
  return rest;
}

void apply_overrides(DocNode& document, const std::vector<Override>& overrides, const StageRegistry& registry,
                     Diagnostics& diagnostics) {
  for (const Override& override : overrides) apply_one(document, override, registry, diagnostics);
}

}  // namespace millrace::pipelines
