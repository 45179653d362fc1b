// `pipeline-run graph CONFIG`: the graph in Graphviz's or Mermaid's language, or as a picture.
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/pages/loaded_plugins.hpp"
#include "diagnostics/printable_text.hpp"
#include "report/page/graph_picture.hpp"
#include "report/page/page_style.hpp"

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

constexpr std::string_view kSourceColor = kSeriesColors[2], kTransformColor = kSeriesColors[1],
                           kSerialColor = kSeriesColors[0];

std::string_view color_of(StageKind kind) {
  return kind == StageKind::source ? kSourceColor : kind == StageKind::transform ? kTransformColor : kSerialColor;
}

std::string field_text(const PortSpec::FieldSpec& field, bool is_named) {
  return fmt::format("{}{}{} {}", is_named ? field.name : "", is_named ? " " : "", to_string(field.spec.dtype),
                     to_string(field.spec.row_shape));
}

/// "images u8 [n, 28, 28]; labels u8 [n]".
std::string gives(const ValidatedNode& node) {
  std::string text;
  for (const auto& [port, spec] : node.outputs) {
    std::string part = node.outputs.size() > 1 ? port + " " : "";
    if (spec.kind != PortKind::data) part = port;
    for (const PortSpec::FieldSpec& field : spec.fields)
      part += (&field == spec.fields.data() ? "" : ", ") + field_text(field, spec.fields.size() > 1);
    text += (text.empty() ? "" : "; ") + part;
  }
  return text;
}

std::string svg(const ValidatedGraph& graph) {
  std::vector<NodeTimes> nodes;
  std::vector<NodeLook> looks;
  for (const ValidatedNode& node : graph.nodes) {
    NodeTimes& drawn = nodes.emplace_back();
    drawn.name = node.name;
    drawn.stage = node.info->name;
    for (const ValidatedEdge& edge : node.inputs)
      if (std::find(drawn.inputs.begin(), drawn.inputs.end(), edge.from_node) == drawn.inputs.end())
        drawn.inputs.push_back(edge.from_node);
    looks.push_back({color_of(node.info->kind), gives(node)});
  }
  return graph_picture(
      graph.name, nodes, looks,
      {{kSourceColor, "source"}, {kTransformColor, "transform, in parallel"}, {kSerialColor, "serial, in order"}});
}

std::string text_of(const ValidatedGraph& graph, const std::string& format) {
  return format == "svg" ? svg(graph) : format == "mermaid" ? mermaid(graph) : dot(graph);
}

int act_graph(const GraphOptions& options) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  note_loaded_plugins(checked->registry);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  tell_warnings(checked->diagnostics, options);
  write_result(printable(text_of(checked->graph, options.format)));
  return 0;
}

const RegisteredVerb kGraph({.name = "graph",
                             .group = VerbGroup::config,
                             .summary = "the graph as a picture, or the source text of one",
                             .target = config_target(),
                             .options = config_options({{.name = "format",
                                                         .kind = ValueKind::choice,
                                                         .placeholder = "NAME",
                                                         .help = "dot (the default), mermaid or svg",
                                                         .example = "mermaid",
                                                         .choices = {"dot", "mermaid", "svg"},
                                                         .store = into(&GraphOptions::format)}}),
                             .examples = {"pipeline-run graph mnist_mlp --format svg"}},
                            act_graph);

}  // namespace
}  // namespace millrace::pipelines
