// Both ends of every edge: does the node exist, does it have the output, does the stage take the input, do the kinds agree.
#include "edge_check.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace millrace::pipelines {
namespace {

std::vector<std::string> names_of(const std::vector<PortDecl>& ports) {
  std::vector<std::string> names;
  for (const PortDecl& p : ports) names.push_back(p.name);
  return names;
}

class EdgeCheck {
 public:
  EdgeCheck(CheckedGraph& graph, Diagnostics& diagnostics) : graph_(graph), diagnostics_(diagnostics) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) index_.emplace(graph.nodes[i].spec->name, i);
  }

  void run() {
    for (CheckedNode& node : graph_.nodes) {
      bool complete = true;
      for (const EdgeSpec& edge : node.spec->in) complete = check_edge(node, edge) && complete;
      // A wrong input would only be reported a second time, as a missing one.
      if (node.info != nullptr && complete) check_complete(node);
      node.broken = node.broken || !complete;
    }
  }

 private:
  void error(std::string name, std::string message, const Location& where, std::string label, std::string help) {
    diagnostics_.add(
        {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
         where,
         std::move(label)});
  }

  // A help that compares with every name there is, for as many errors as are shown: of a source with thousands of columns each may be
  // misspelled.
  template <typename MakeHelp>
  std::string help_if_shown(const MakeHelp& make_help) {
    return ++helped_ <= kMostShownErrors ? make_help() : std::string();
  }

  bool check_edge(CheckedNode& node, const EdgeSpec& edge) {
    CheckedEdge checked;
    checked.spec = &edge;
    const StageDescriptor* spec = node.info != nullptr ? &node.info->spec : nullptr;
    const PortDecl* wanted = spec != nullptr ? spec->find_input(edge.port) : nullptr;
    const bool has_producer = find_producer(node, edge, wanted, checked);
    const std::optional<PortDecl> input = spec != nullptr ? find_input(node, edge) : std::nullopt;
    if (!has_producer || !input) return node.info == nullptr && has_producer;
    checked.port = input->name;
    const bool fits = check_kind(node, checked, *input);
    node.inputs.push_back(std::move(checked));
    return fits;
  }

  // False when the reference is wrong; of a producer with errors of its own only the name is known.
  bool find_producer(const CheckedNode& node, const EdgeSpec& edge, const PortDecl* wanted, CheckedEdge& checked) {
    const auto found = index_.find(edge.from_node);
    if (found == index_.end()) {
      report_unknown_node(edge);
      return false;
    }
    checked.from = found->second;
    const CheckedNode& producer = graph_.nodes[checked.from];
    if (&producer == &node) {
      error("self-edge", fmt::format("node `{}` is its own input", node.spec->name), edge.where, "",
            "name the node that comes before it");
      return false;
    }
    return producer.info == nullptr || find_output(node, producer, edge, wanted, checked);
  }

  void report_unknown_node(const EdgeSpec& edge) {
    if (names_.empty())
      for (const CheckedNode& n : graph_.nodes) names_.push_back(n.spec->name);
    error("unknown-node", fmt::format("`{}`", shown(edge.from_node)), edge.where, "no node has this name",
          help_if_shown([&] { return did_you_mean(edge.from_node, names_, "nodes"); }));
  }

  bool find_output(const CheckedNode& node, const CheckedNode& producer, const EdgeSpec& edge, const PortDecl* wanted,
                   CheckedEdge& checked) {
    const auto& outputs = producer.outputs;
    const std::string& name = producer.spec->name;
    const bool only = edge.from_port.empty() && outputs.size() == 1;
    const PortDecl* port = only ? &outputs.front() : output_named(producer, edge.from_port);
    if (!producer.outputs_known && port == nullptr) return true;
    if (port != nullptr) {
      checked.from_port = port->name;
      checked.kind = port->kind;
      return true;
    }
    const std::string list = fmt::format("`{}` is a {}, which gives", name, producer.spec->stage);
    if (edge.from_port.empty() && !outputs.empty())
      error("ambiguous-output", fmt::format("node `{}` has several outputs", name), edge.where, "which one?",
            help_if_shown([&] {
              return fmt::format("write {}  ({}: {})", likely_edge(node, producer, wanted), list,
                                 name_list(names_of(outputs)));
            }));
    else
      error("unknown-output",
            fmt::format("node `{}` has no output{}", name,
                        edge.from_port.empty() ? "" : fmt::format(" `{}`", shown(edge.from_port))),
            edge.where, "no such output",
            help_if_shown([&] { return did_you_mean(edge.from_port, names_of(outputs), list); }));
    return false;
  }

  const PortDecl* output_named(const CheckedNode& producer, const std::string& name) {
    auto& named = outputs_[&producer];
    if (named.empty())
      for (const PortDecl& port : producer.outputs) named.emplace(port.name, &port);
    const auto found = named.find(name);
    return found == named.end() ? nullptr : found->second;
  }

  /// The first output that the input could take, else one that another input of the node could.
  static std::string likely_edge(const CheckedNode& node, const CheckedNode& producer, const PortDecl* wanted) {
    const auto named = [&](const PortDecl& port) { return fmt::format("{}.{}", producer.spec->name, port.name); };
    for (const PortDecl& port : producer.outputs)
      if (wanted != nullptr && port.kind == wanted->kind) return named(port);
    const std::string other = node.info != nullptr ? edge_to_another_input(node, producer) : "";
    return other.empty() ? named(producer.outputs.front()) : other;
  }

  /// "in: {model: learn.model}"; empty when none of the outputs fits any input.
  static std::string edge_to_another_input(const CheckedNode& node, const CheckedNode& producer) {
    for (const PortDecl& output : producer.outputs)
      for (const PortDecl& input : node.info->spec.inputs())
        if (input.kind == output.kind)
          return fmt::format("in: {{{}: {}.{}}}", input.name, producer.spec->name, output.name);
    return {};
  }

  std::optional<PortDecl> find_input(const CheckedNode& node, const EdgeSpec& edge) {
    const StageDescriptor& spec = node.info->spec;
    if (const PortDecl* port = spec.find_input(edge.port)) return *port;
    if (spec.any_input() != nullptr && !edge.port.empty()) return PortDecl(edge.port, *spec.any_input());
    const auto names = names_of(spec.inputs());
    if (const PortDecl* main_port = edge.port.empty() ? spec.find_input("in") : nullptr) return *main_port;
    if (edge.port.empty() && names.size() == 1) return spec.inputs().front();
    if (edge.port.empty() && (names.size() > 1 || spec.any_input() != nullptr))
      error("ambiguous-input", fmt::format("stage `{}` has several inputs", node.spec->stage), edge.where,
            "for which one?",
            spec.any_input() != nullptr
                ? fmt::format("write {{NAME: {}}} with a name of your own",
                              shown(edge.from_port.empty() ? edge.from_node : edge.from_node + "." + edge.from_port))
                : fmt::format("write {{{}: ...}}  ({} takes: {})", names.front(), node.spec->stage, name_list(names)));
    else
      error("unknown-input",
            names.empty() ? fmt::format("stage `{}` takes no input", node.spec->stage)
                          : fmt::format("stage `{}` has no input `{}`", node.spec->stage, shown(edge.port)),
            edge.port_where, "no such input", names.empty() ? "remove `in`" : help_if_shown([&] {
              return did_you_mean(edge.port, names, fmt::format("{} takes", node.spec->stage));
            }));
    return std::nullopt;
  }

  bool check_kind(const CheckedNode& node, const CheckedEdge& edge, const PortDecl& input) {
    const CheckedNode& producer = graph_.nodes[edge.from];
    if (producer.info == nullptr) return true;
    if (input.kind == edge.kind) return true;
    error("port-kind",
          fmt::format("`{}.{}` carries {}, input `{}` of `{}` takes {}", producer.spec->name, edge.from_port,
                      to_string(edge.kind), input.name, node.spec->stage, to_string(input.kind)),
          edge.spec->where, fmt::format("carries {}", to_string(edge.kind)),
          help_if_shown([&] { return help_for_kind(node, producer, edge, input); }));
    return false;
  }

  /// Another input for what comes, or another output for who takes it.
  static std::string help_for_kind(const CheckedNode& node, const CheckedNode& producer, const CheckedEdge& edge,
                                   const PortDecl& input) {
    const auto is_of = [](PortKind kind) { return [kind](const PortDecl& port) { return port.kind == kind; }; };
    const auto& inputs = node.info->spec.inputs();
    const auto& outputs = producer.outputs;
    if (const auto other = std::find_if(inputs.begin(), inputs.end(), is_of(edge.kind)); other != inputs.end())
      return fmt::format("write in: {{{}: {}.{}}}", other->name, producer.spec->name, edge.from_port);
    if (const auto other = std::find_if(outputs.begin(), outputs.end(), is_of(input.kind)); other != outputs.end())
      return fmt::format("`{}.{}` carries {}", producer.spec->name, other->name, to_string(input.kind));
    return fmt::format("`pipeline-run stages` tells which stages take {}", to_string(edge.kind));
  }

  void check_complete(CheckedNode& node) {
    const StageDescriptor& spec = node.info->spec;
    const auto is_connected = [&](const std::string& port) {
      return std::any_of(node.inputs.begin(), node.inputs.end(), [&](const CheckedEdge& e) { return e.port == port; });
    };
    for (const PortDecl& port : spec.inputs())
      if (!port.optional && !is_connected(port.name))
        report_missing(node, fmt::format("the input `{}`", port.name), port.text());
    if (spec.any_input() != nullptr && node.inputs.empty()) report_missing(node, "an input", spec.any_input()->text());
  }

  void report_missing(CheckedNode& node, const std::string& what, const std::string& doc) {
    node.broken = true;
    error("missing-input", fmt::format("node `{}` lacks {}", node.spec->name, what), node.spec->in_where,
          "an input is missing", fmt::format("connect it with `in`: {}", doc));
  }

  CheckedGraph& graph_;
  Diagnostics& diagnostics_;
  std::map<std::string, std::size_t> index_;
  std::unordered_map<const CheckedNode*, std::unordered_map<std::string_view, const PortDecl*>> outputs_;  // by name
  std::vector<std::string> names_;  // of all nodes, once one is misspelled
  std::size_t helped_ = 0;
};

}  // namespace

void check_edges(CheckedGraph& graph, Diagnostics& diagnostics) { EdgeCheck(graph, diagnostics).run(); }

}  // namespace millrace::pipelines
