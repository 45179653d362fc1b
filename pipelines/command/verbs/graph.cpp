// `pipeline-run graph CONFIG`: the graph in Graphviz's or Mermaid's language.
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/pages/loaded_plugins.hpp"
#include "diagnostics/printable_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

struct GraphOptions : ConfigOptions {
  std::string format = "dot";
};

// Names come from the user; both languages take them in quotes.
std::string dot_text(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string mermaid_text(const std::string& text) {
  std::string quoted;
  for (const char c : text)
    quoted += c == '"' ? std::string("#quot;") : c == '<' ? std::string("#lt;") : std::string(1, c);
  return quoted;
}

std::string edge_label(const ValidatedGraph& graph, const ValidatedEdge& edge) {
  const PortSpec& spec = graph.spec_of(edge);
  if (spec.kind != PortKind::data) return std::string(to_string(spec.kind));
  std::string label;
  for (const PortSpec::FieldSpec& field : spec.fields)
    label +=
        fmt::format("{}{} {}", label.empty() ? "" : ", ", to_string(field.spec.dtype), to_string(field.spec.row_shape));
  return label;
}

std::string dot_shape(StageKind kind) {
  return kind == StageKind::source ? "house" : kind == StageKind::transform ? "box" : "box, style=rounded";
}

std::string dot(const ValidatedGraph& graph) {
  std::string text =
      fmt::format("digraph \"{}\" {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n", dot_text(graph.name));
  for (const ValidatedNode& node : graph.nodes)
    text += fmt::format("  \"{}\" [label=\"{}\\n{}\", shape={}];\n", dot_text(node.name), dot_text(node.name),
                        dot_text(node.info->name), dot_shape(node.info->kind));
  for (const ValidatedNode& node : graph.nodes)
    for (const ValidatedEdge& edge : node.inputs)
      text += fmt::format("  \"{}\" -> \"{}\" [label=\"{}\"];\n", dot_text(graph.nodes[edge.from_node].name),
                          dot_text(node.name), dot_text(edge_label(graph, edge)));
  return text + "}\n";
}

// Mermaid's identifiers are plain words, so nodes go by number.
std::string mermaid(const ValidatedGraph& graph) {
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const ValidatedNode& node = graph.nodes[i];
    const bool is_source = node.info->kind == StageKind::source;
    text += fmt::format("  n{}{}\"{}<br/>{}\"{}\n", i, is_source ? "([" : "[", mermaid_text(node.name),
                        mermaid_text(node.info->name), is_source ? "])" : "]");
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const ValidatedEdge& edge : graph.nodes[i].inputs)
      text += fmt::format("  n{} -->|\"{}\"| n{}\n", edge.from_node, mermaid_text(edge_label(graph, edge)), i);
  return text;
}

int act(const GraphOptions& options) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  note_loaded_plugins(checked->registry);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  tell_warnings(checked->diagnostics, options);
  write_result(printable(options.format == "mermaid" ? mermaid(checked->graph) : dot(checked->graph)));
  return 0;
}

const RegisteredVerb kVerb({.name = "graph",
                            .group = VerbGroup::config,
                            .summary = "the graph as a picture's source text",
                            .target = config_target(),
                            .options = config_options({{.name = "format",
                                                        .kind = ValueKind::choice,
                                                        .placeholder = "NAME",
                                                        .help = "dot (the default) or mermaid",
                                                        .example = "mermaid",
                                                        .choices = {"dot", "mermaid"},
                                                        .store = into(&GraphOptions::format)}}),
                            .examples = {"pipeline-run graph mnist_mlp --format mermaid"}},
                           act);

}  // namespace
}  // namespace millrace::pipelines
