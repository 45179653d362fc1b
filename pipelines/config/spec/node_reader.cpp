// The nodes of `graph`: their keys, their chains expanded, their references resolved to nodes and ports.
#include "node_reader.hpp"

#include "chains.hpp"
#include "config/document/document_layers.hpp"
#include "config/document/limits.hpp"
#include "config/params/config_schema.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

namespace millrace::pipelines {
namespace {

const DocNode kNothing;

const DocNode& value_of(const DocNode& map, std::string_view key) {
  const DocMember* member = map.find(key);
  return member != nullptr ? member->value : kNothing;
}

bool is_name(std::string_view text) {
  const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 64 && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::all_of(text.begin(), text.end(), is_word);
}

class NodeReader {
 public:
  NodeReader(const DocNode& document, const StageRegistry& registry, GraphSpec& spec, Diagnostics& diagnostics)
      : registry_(registry),
        chains_(value_of(document, "chains")),
        graph_(value_of(document, "graph")),
        spec_(spec),
        diagnostics_(diagnostics) {}

  void read() {
    if (require_map(chains_, "`chains`"))
      for (const DocMember& chain : chains_.members) chain_of_.emplace(chain.key, &chain.value);
    if (!require_map(graph_, "`graph`")) return;
    if (graph_.is_map() && graph_.members.empty())
      error("empty-graph", "the graph has no nodes", graph_.where, "",
            "add a node, such as `train: {stage: idx_loader}`");
    for (const DocMember& node : graph_.members) {
      if (spec_.nodes.size() >= kMaxGraphNodes) return too_many(node);
      read_node(node);
      if (is_too_large_) return too_many(node);
    }
    for (NodeSpec& node : spec_.nodes)
      for (EdgeSpec& edge : node.in) resolve(edge);
    report_unused_chains();
  }

 private:
  void error(std::string name, std::string message, const Location& where, std::string label, std::string help,
             bool suggests = false) {
    diagnostics_.add(
        {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
         where,
         std::move(label),
         Severity::error,
         suggests});
  }

  // Comparing with every name there is ends with the errors that are shown.
  bool is_helped() const { return ++helped_ <= kMostShownErrors; }

  // Null counts as absent.
  bool require_map(const DocNode& node, std::string_view what) {
    if (node.is_map() || (node.is_null() && !node.where.source)) return true;
    error("wrong-type", fmt::format("{} is no map", what), node.where, "expected a map", "");
    return false;
  }

  // No node stays: those that were read would be missing the ones that were not.
  void too_many(const DocMember& node) {
    spec_.nodes.clear();
    error("too-large",
          fmt::format("the graph has more than {} nodes or {} values, chains expanded", kMaxGraphNodes,
                      kMaxDocumentNodes),
          node.key_where, "", "use fewer nodes, and give what is long to a node instead of a chain");
  }

  void read_node(const DocMember& member) {
    NodeSpec node;
    node.name = member.key;
    node.where = node.stage_where = node.in_where = member.key_where;
    const std::size_t first = spec_.nodes.size();
    broken_ = false;
    read_inputs(node, member.value);  // first, so that a node with errors still uses what it refers to
    if (check_name(member) && check_shape(member)) fill(node, member.value);
    if (spec_.nodes.size() == first) spec_.nodes.push_back(std::move(node));
    last_of_[member.key] = spec_.nodes.back().name;
  }

  bool check_name(const DocMember& member) {
    const std::string& name = member.key;
    if (!is_name(name))
      error("bad-name", fmt::format("`{}` is no name for a node", shown(name)), member.key_where, "",
            name.find(':') != std::string::npos
                ? "write a space after the colon behind a node's name"
                : "use letters, digits, `_` and `-`, at most 64, not starting with a digit");
    else if (is_top_level_key(name) || is_node_key(name) || is_free_key(name))
      error("reserved-name", fmt::format("a node cannot be called `{}`", name), member.key_where, "a key of the config",
            "choose another name: `--set` could not tell the two apart");
    else
      return true;
    return false;
  }

  bool check_shape(const DocMember& member) {
    const DocNode& node = member.value;
    if (!node.is_map()) {
      error("wrong-type", fmt::format("node `{}` is no map", member.key), node.where, "expected {stage: ..., in: ...}",
            "");
      return false;
    }
    for (const DocMember& m : node.members)
      if (!is_node_key(m.key))
        error("unknown-key", fmt::format("`{}` of node `{}`", shown(m.key), member.key), m.key_where,
              "not a key of a node",
              did_you_mean(m.key, node_keys(), "a node takes") + "; parameters of the stage go under `with`",
              !meant_by(m.key, node_keys()).empty());
    const DocMember *stage = node.find("stage"), *chain = node.find("chain");
    if (stage == nullptr && chain == nullptr)
      error("missing-key", fmt::format("node `{}` has no `stage`", member.key), member.key_where, "",
            help_without_stage(member));
    if (stage != nullptr && chain != nullptr)
      error("conflicting-keys", fmt::format("node `{}` has both `stage` and `chain`", member.key), chain->key_where, "",
            "keep one of the two");
    return (stage == nullptr) != (chain == nullptr);
  }

  // In a file that extends another one, a node without a stage is one of the other whose name is misspelled.
  std::string help_without_stage(const DocMember& member) const {
    std::vector<std::string> others;
    if (is_helped())
      for (const DocMember& other : graph_.members)
        if (other.value.find("stage") != nullptr || other.value.find("chain") != nullptr) others.push_back(other.key);
    const std::string meant = did_you_mean(member.key, others);
    return meant.empty() ? "add `stage: NAME`" : meant + "  otherwise add `stage: NAME`";
  }

  void fill(NodeSpec& node, const DocNode& value) {
    node.with = map_or_nothing(value, "with", node);
    node.run = map_or_nothing(value, "run", node);
    node.seed = value_of(value, "seed");
    node.role = value_of(value, "role");
    const bool is_chain = value.find("chain") != nullptr;
    const DocNode& kind = value_of(value, is_chain ? "chain" : "stage");
    if (!kind.is_scalar() || kind.text.empty())  // "" may also be what a reference has left
      error_in_node(
          node, fmt::format("no name as its {}", is_chain ? "chain" : "stage"), kind.where, "expected a name",
          is_chain && kind.is_list() ? "name the list under `chains`: chains: {NAME: [...]}; then chain: NAME" : "");
    if (is_chain && kind.is_scalar()) used_.insert(kind.text);
    if (broken_) return;
    node.stage_where = kind.where;
    if (is_chain) return expand(node, kind);
    node.stage = kind.text;
    spec_.nodes.push_back(std::move(node));
  }

  DocNode map_or_nothing(const DocNode& node, std::string_view key, const NodeSpec& spec) {
    const DocNode& value = value_of(node, key);
    if (value.is_map() || value.is_null()) return value;
    error_in_node(spec, fmt::format("a `{}` that is no map", key), value.where, "expected a map");
    return {};
  }

  void read_inputs(NodeSpec& node, const DocNode& value) {
    const DocMember* in = value.find("in");
    if (in == nullptr) return;
    node.in_where = in->value.where;
    if (in->value.is_list())
      error_in_node(node, "several inputs without names", in->value.where, "expected {INPUT: NODE, ...}",
                    named_inputs(value, in->value));
    for (const DocNode& item : in->value.items)
      if (item.is_scalar()) add_edge(node, "", item.where, item);  // what it names is used, all the same
    for (const DocMember& m : in->value.members) add_edge(node, m.key, m.key_where, m.value);
    if (!in->value.is_map() && !in->value.is_list()) add_edge(node, "", in->value.where, in->value);
  }

  // A node with such an error is not looked at further: whatever else it lacks would only follow from that.
  void error_in_node(const NodeSpec& node, std::string_view what, const Location& where, std::string label,
                     std::string help = {}) {
    broken_ = true;
    error("wrong-type", fmt::format("node `{}` has {}", node.name, what), where, std::move(label), std::move(help));
  }

  // `in: [x, y]` as it should be written: with the names of the stage's inputs, or those that a trainer asks of a batch.
  std::string named_inputs(const DocNode& node, const DocNode& list) const {
    const StageInfo* info = registry_.find(value_of(node, "stage").text);
    std::vector<std::string> names;
    if (info != nullptr)
      for (const PortDecl& port : info->spec.inputs()) names.push_back(port.name);
    if (info != nullptr && info->spec.any_input() != nullptr) names = {"inputs", "targets", "weights"};
    std::string text;
    for (std::size_t i = 0; i < std::min(list.items.size(), names.size()); ++i)
      text += fmt::format("{}{}: {}", i == 0 ? "" : ", ", names[i], shown(list.items[i].text));
    return text.empty() ? "" : fmt::format("write in: {{{}}}", text);
  }

  void add_edge(NodeSpec& node, const std::string& port, const Location& port_where, const DocNode& reference) {
    if (!reference.is_scalar() || reference.text.empty())
      return error_in_node(node, "an input that names no node", reference.where,
                           "expected NODE, NODE.OUTPUT or {INPUT: NODE}");
    if (port.find('\n') != std::string::npos)
      error("bad-name", fmt::format("`{}` is no name for an input", shown(port)), port_where, "has more than one line",
            "write it on one line");
    node.in.push_back({port, reference.text, "", reference.where, port_where});
  }

  std::string help_for_chain(const std::string& name) const {
    std::vector<std::string> known;
    for (const DocMember& m : chains_.members) known.push_back(m.key);
    return did_you_mean(name, known, "there are the chains");
  }

  void expand(const NodeSpec& node, const DocNode& chain) {
    const auto found = chain_of_.find(chain.text);
    if (found == chain_of_.end()) {
      return error("unknown-chain", fmt::format("`{}`", shown(chain.text)), chain.where, "no chain has this name",
                   is_helped() ? help_for_chain(chain.text) : "");
    }
    const DocNode& list = *found->second;
    std::vector<ChainItem> items = chain_items(list, diagnostics_);
    if (items.empty() && !list.items.empty()) return;  // each of them has been reported
    if (items.empty())
      return error("wrong-length", fmt::format("chain `{}` has no stages", chain.text), list.where,
                   "expected a list of stages", "");
    for (const ChainItem& item : items) expanded_ += 1 + (item.with != nullptr ? count_values(*item.with) : 0);
    if (spec_.nodes.size() + items.size() > kMaxGraphNodes || expanded_ > kMaxDocumentNodes) {
      is_too_large_ = true;
      return;
    }
    check_instances(node, chain.text, items);
    std::erase_if(items, [&](const ChainItem& item) { return is_left_out(node, item); });
    if (items.empty())
      return error("wrong-length", fmt::format("node `{}` leaves out every stage of its chain", node.name), node.where,
                   "", "take the node away, and name in its place what it is given");
    for (const ChainItem& item : items) add_chain_node(node, item, item.instance == items.front().instance);
  }

  // `with: {normalize: null}`: this use of the chain does without that stage.
  static bool is_left_out(const NodeSpec& node, const ChainItem& item) {
    const DocMember* own = node.with.find(item.instance);
    return own != nullptr && own->value.is_null();
  }

  void check_instances(const NodeSpec& node, const std::string& chain, const std::vector<ChainItem>& items) {
    std::vector<std::string> instances;
    for (const ChainItem& item : items) instances.push_back(item.instance);
    const std::set<std::string_view> known(instances.begin(), instances.end());
    for (const DocMember& m : node.with.members) {
      if (known.contains(m.key)) continue;
      const bool helped = is_helped();
      error("unknown-parameter", fmt::format("`{}` of chain `{}`", shown(m.key), chain), m.key_where,
            "not a stage of this chain", helped ? did_you_mean(m.key, instances, "its stages") : "",
            helped && !meant_by(m.key, instances).empty());
    }
  }

  // A chain's parameters, and over them what this use of the chain says: `with: {normalize: {scale: 1/128}}`.
  void add_chain_node(const NodeSpec& whole, const ChainItem& item, bool is_first) {
    NodeSpec node;
    node.name = fmt::format("{}.{}", whole.name, item.instance);
    node.stage = item.stage;
    node.where = whole.where;
    node.stage_where = item.where;
    node.chain = whole.name;
    node.in_where = whole.in_where;
    node.run = is_first ? whole.run : known_part(whole.run);
    node.seed = is_first || whole.seed.is_scalar() ? whole.seed : DocNode{};
    if (is_first) node.role = whole.role;
    node.with = item.with != nullptr ? *item.with : DocNode{};
    const DocNode& own = value_of(whole.with, item.instance);
    if (!own.is_null()) lay_keys(node.with, own);
    if (is_first)
      node.in = whole.in;
    else
      node.in = {EdgeSpec{"", spec_.nodes.back().name, "", item.where, item.where}};
    spec_.nodes.push_back(std::move(node));
  }

  // What `run` should not have is reported with the first stage.
  static DocNode known_part(const DocNode& run) { return run.members.size() > run_params().size() ? DocNode{} : run; }

  // `x`, `x.port`; for a chain node x its last stage, and `x.stage`, `x.stage.port` for one inside.
  void resolve(EdgeSpec& edge) {
    const std::string text = edge.from_node;
    std::size_t end = last_end(text);
    for (; end != std::string::npos && end > 0; end = text.rfind('.', end - 1)) {
      const std::string head = text.substr(0, end);
      const auto alias = last_of_.find(head);
      if (alias == last_of_.end() && !names().contains(head)) continue;
      edge.from_node = alias != last_of_.end() ? alias->second : head;
      edge.from_port = end == text.size() ? "" : text.substr(end + 1);
      return;
    }
    const std::size_t dot = text.find('.');
    edge.from_node = text.substr(0, dot);
    edge.from_port = dot == std::string::npos ? "" : text.substr(dot + 1);
  }

  // Where the longest part of a reference ends that may be a node: a port may have points in its name, a node's has few.
  static std::size_t last_end(std::string_view text) {
    constexpr int kMostPoints = 8;
    std::size_t end = 0;
    for (int i = 0; i < kMostPoints && end != std::string_view::npos; ++i) end = text.find('.', end + (i > 0 ? 1 : 0));
    return end == std::string_view::npos ? text.size() : end;
  }

  const std::set<std::string>& names() {
    if (names_.empty())
      for (const NodeSpec& node : spec_.nodes) names_.insert(node.name);
    return names_;
  }

  void report_unused_chains() {
    for (const DocMember& chain : chains_.members)
      if (!used_.contains(chain.key))
        error("unused-chain", fmt::format("no node uses chain `{}`", shown(chain.key)), chain.key_where, "never used",
              fmt::format("use it (`chain: {}`), or remove it", shown(chain.key)));
  }

  const StageRegistry& registry_;
  const DocNode& chains_;
  const DocNode& graph_;
  GraphSpec& spec_;
  Diagnostics& diagnostics_;
  std::map<std::string, std::string> last_of_;  // node as written -> the node that its name means
  std::set<std::string> names_, used_;
  std::unordered_map<std::string_view, const DocNode*> chain_of_;
  std::size_t expanded_ = 0;  // values of the chains, as often as they are used
  bool is_too_large_ = false;
  mutable std::size_t helped_ = 0;
  bool broken_ = false;  // the node that is being read
};

}  // namespace

void read_nodes(const DocNode& document, const StageRegistry& registry, GraphSpec& spec, Diagnostics& diagnostics) {
  NodeReader(document, registry, spec, diagnostics).read();
}

}  // namespace millrace::pipelines
