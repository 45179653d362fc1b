// What `pipeline-run plan CONFIG` and `--dry-run` print.
#include "plan.hpp"

#include "check/graph/source_starts.hpp"
#include "check/memory_estimate.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/quantity_text.hpp"
#include "layers_json.hpp"
#include "loaded_plugins.hpp"
#include "plan_digest.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

/// What a terminal shows in one line, at least.
constexpr std::size_t kColumns = 80;

std::string bytes_of(std::size_t bytes) { return bytes_text(static_cast<double>(bytes)); }
std::string count_of(std::size_t count) { return count_text(static_cast<long long>(count)); }

/// Columns aligned by their longest cell; the columns of `right` are aligned to the right.
std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size(), 0);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += right[i] ? fmt::format(" {:>{}} ", row[i], widths[i]) : fmt::format(" {:<{}} ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string consumers_of(const ValidatedGraph& graph, std::size_t node, const std::string& port) {
  std::string names;
  for (const ValidatedNode& consumer : graph.nodes)
    for (const ValidatedEdge& edge : consumer.inputs)
      if (edge.from_node == node && edge.from_port == port) names += (names.empty() ? "" : ", ") + consumer.name;
  for (const ReportedPort& reported : graph.reported)
    if (names.empty() && reported.node == graph.nodes[node].name && reported.port == port) return "(history)";
  return names.empty() ? "(unused)" : names;
}

std::string field_text(const PortSpec& port, const PortSpec::FieldSpec& field) {
  return port.fields.size() == 1 ? field.spec.describe() : field.name + ": " + field.spec.describe();
}

// An edge has a line of its own: with both names and the shape in one, a table would be wider than a terminal.
std::string edge_text(const std::string& from, const std::string& to) {
  const std::string line = fmt::format("  {} -> {}\n", from, to);
  return line.size() <= kColumns + 1 ? line : fmt::format("  {} ->\n    {}\n", from, to);
}

std::string port_text(const PortSpec& port) {
  if (port.kind != PortKind::data) return fmt::format("    {}\n", to_string(port.kind));
  std::string text;
  for (const PortSpec::FieldSpec& field : port.fields) {
    const std::size_t bytes = field.spec.stored_row_bytes();
    const std::string counts = fmt::format("{:>9} {:>10} {:>11}", count_text(port.max_rows), count_of(bytes),
                                           count_of(bytes * static_cast<std::size_t>(port.max_rows)));
    const std::string what = "    " + field_text(port, field);
    const bool fits = what.size() + counts.size() < kColumns;
    text += fits ? fmt::format("{:<{}}{}\n", what, kColumns - 1 - counts.size(), counts)
                 : fmt::format("{}\n{:>{}}\n", what, counts, kColumns - 1);
  }
  return text;
}

std::string edges_text(const ValidatedGraph& graph) {
  std::string text = fmt::format("\nEdges: the most rows a packet has, and bytes as they lie in memory\n{:>{}}\n",
                                 "rows  bytes/row       bytes", kColumns - 1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const auto& [port, spec] : graph.nodes[i].outputs)
      text += edge_text(graph.nodes[i].name + "." + port, consumers_of(graph, i, port)) + port_text(spec);
  return text;
}

std::string trained_text(const ModelSpec& model) {
  const std::int64_t trained = model.trainable_parameters(), frozen = model.parameters() - trained;
  return frozen == 0 ? "" : fmt::format(",\n  {} trained, {} frozen", count_text(trained), count_text(frozen));
}

// The layout of Keras's model.summary().
std::string model_text(const ValidatedNode& node, const ModelSpec& model) {
  std::vector<std::vector<std::string>> rows = {{"layer", "output", "activation", "parameters"}};
  std::size_t index = 0;
  for (const LayerSpec& layer : model.layers)
    rows.push_back({fmt::format("{} {}", index++, layer.name()), fmt::format("[n, {}]", layer.outputs),
                    layer.kind == LayerKind::dense ? std::string(to_string(layer.activation)) : "",
                    count_text(layer.parameters()) + (layer.is_frozen ? " frozen" : "")});
  return fmt::format("\nModel of `{}`: input [n, {}]\n{}  total parameters: {} ({} as float32){}\n", node.name,
                     model.inputs, table(rows, {false, false, false, true}), count_text(model.parameters()),
                     bytes_of(static_cast<std::size_t>(model.parameters()) * sizeof(float)), trained_text(model));
}

std::string models_text(const ValidatedGraph& graph) {
  std::string text;
  for (const ValidatedNode& node : graph.nodes)
    for (const auto& [port, spec] : node.outputs)
      if (spec.model && spec.kind == PortKind::model) text += model_text(node, *spec.model);
  return text;
}

std::string budgets_text(const ValidatedGraph& graph) {
  std::vector<std::vector<std::string>> rows = {{"source", "declared", "effective", "rows/block", "byte limit"}};
  for (const ValidatedNode& node : graph.nodes)
    if (node.info->kind == StageKind::source)
      rows.push_back({node.name, count_text(node.declared_blocks), count_text(node.budget_blocks),
                      count_text(block_rows(node)), node.budget_bytes == 0 ? "none" : bytes_of(node.budget_bytes)});
  return "\nBudgets: blocks of a source that may be alive at once,\n"
         "max(declared, ceil(rows held back / rows of a block) + 1)\n" +
         table(rows, {false, true, true, true, true});
}

std::string memory_text(const ValidatedGraph& graph) {
  const MemoryEstimate estimate = memory_estimate(graph);
  std::vector<std::vector<std::string>> rows = {{"node", "working", "flowing", "snapshots", "total"}};
  for (const MemoryEstimate::NodeBytes& node : estimate.nodes)
    if (node.total() > 0)
      rows.push_back(
          {node.node, bytes_of(node.working), bytes_of(node.flowing), bytes_of(node.models), bytes_of(node.total())});
  rows.push_back({"program itself", "", "", "", bytes_of(estimate.program)});
  rows.push_back({counted(graph.threads, "thread"), "", "", "", bytes_of(estimate.threads)});
  rows.push_back({"values of the epochs", "", "", "", bytes_of(estimate.history)});
  if (estimate.kept > 0) rows.push_back({"checkpoints, run folder", "", "", "", bytes_of(estimate.kept)});
  rows.push_back({"peak memory at most", "", "", "", bytes_of(estimate.total)});
  return "\nMemory: working = what the stage declares, and what a process of its own\n"
         "shares with the run; flowing = (budget x rows of a block + 2 packets) x bytes\n"
         "of a row; snapshots = (epochs_ahead + 2) x model\n" +
         table(rows, {false, true, true, true, true});
}

std::vector<std::string> droppers_of(const ValidatedGraph& graph) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes)
    if (node.may_drop_rows()) names.push_back(node.name);
  return names;
}

// Blocks that are added to a run at rest are in no plan: how many rows are dropped shows in the data.
std::string beyond_text(const ValidatedGraph& graph) {
  const std::vector<std::string> droppers = droppers_of(graph);
  if (droppers.empty()) return {};
  const std::string who = fmt::format("`{}`{}", droppers.front(),
                                      droppers.size() == 1 ? "" : fmt::format(" and {} more", droppers.size() - 1));
  return who + " may drop rows: a run that starves adds blocks, and may take more\n";
}

std::string possible_text(const ValidatedGraph& graph) {
  std::string text;
  for (const ValidatedNode& node : graph.nodes)
    for (const MemoryUse& use : node.possible_memory)
      text +=
          fmt::format("{} of `{}`: up to {} more, if so many rows come\n", use.what, node.name, bytes_of(use.bytes));
  return text;
}

Json possible_objects(const ValidatedGraph& graph) {
  Json objects = Json::array();
  for (const ValidatedNode& node : graph.nodes)
    for (const MemoryUse& use : node.possible_memory)
      objects.push_back({{"node", node.name}, {"what", use.what}, {"bytes", use.bytes}});
  return objects;
}

double seconds_of(std::chrono::milliseconds limit) { return static_cast<double>(limit.count()) / 1000; }

std::string isolation_text(const ValidatedGraph& graph) {
  std::string names;
  for (const ValidatedNode& node : graph.nodes)
    if (node.isolated)
      names += fmt::format("{}{} (a call may take {} s)", names.empty() ? "" : ", ", node.name,
                           seconds_of(node.call_timeout));
  return names.empty() ? "" : "\nIn processes of their own: " + names + "\n";
}

// The first node that draws for a purpose draws from the run's seed, as a run of it alone does; that goes without saying.
std::string seeds_text(const ValidatedGraph& graph) {
  std::vector<std::vector<std::string>> rows = {{"node", "draws for", "from"}};
  for (const ValidatedNode& node : graph.nodes)
    for (const NodeSeed& seed : node.seeds)
      if (seed.is_own)
        rows.push_back({node.name, seed.purpose, fmt::format("its own seed {}", seed.seed)});
      else if (seed.number > 1)
        rows.push_back({node.name, seed.purpose, fmt::format("seed {} #{}", graph.seed, seed.number)});
  if (rows.size() == 1) return "";
  return "\nRandom numbers that are not the run's first\n" + table(rows, {false, false, false});
}

Json seed_objects(const ValidatedGraph& graph) {
  Json list = Json::array();
  for (const ValidatedNode& node : graph.nodes)
    for (const NodeSeed& seed : node.seeds)
      list.push_back({{"node", node.name},
                      {"purpose", seed.purpose},
                      {"seed", seed.is_own ? seed.seed : graph.seed},
                      {"number", seed.is_own ? 1 : seed.number}});
  return list;
}

std::string resume_text(const ValidatedGraph& graph) {
  std::vector<std::vector<std::string>> rows;
  for (const SourceStart& start : source_starts(graph))
    for (const std::size_t source : start.sources)
      rows.push_back({graph.nodes[source].name, start.replays.empty() ? "resumes at the position"
                                                                      : "replays the epoch, because " + start.replays});
  return rows.empty() ? ""
                      : "\nSources of a run that goes on in the middle of an epoch\n" + table(rows, {false, false});
}

Json resume_objects(const ValidatedGraph& graph) {
  Json list = Json::array();
  for (const SourceStart& start : source_starts(graph))
    for (const std::size_t source : start.sources) {
      Json object = {{"source", graph.nodes[source].name}, {"begins", start.replays.empty() ? "position" : "epoch"}};
      if (!start.replays.empty()) object["because"] = start.replays;
      list.push_back(std::move(object));
    }
  return list;
}

Json field_object(const PortSpec::FieldSpec& field) {
  Json object = {{"name", field.name},
                 {"dtype", to_string(field.spec.dtype)},
                 {"row_shape", field.spec.row_shape},
                 {"form", to_string(field.spec.encoding.kind)},
                 {"bytes_per_row", field.spec.stored_row_bytes()}};
  if (field.spec.range) object["range"] = {field.spec.range->lo, field.spec.range->hi};
  return object;
}

Json edge_objects(const ValidatedGraph& graph) {
  Json list = Json::array();
  for (const ValidatedNode& consumer : graph.nodes)
    for (const ValidatedEdge& edge : consumer.inputs) {
      const PortSpec& spec = graph.spec_of(edge);
      Json object = {{"from", graph.nodes[edge.from_node].name + "." + edge.from_port},
                     {"to", consumer.name + "." + edge.port},
                     {"kind", to_string(spec.kind)},
                     {"max_rows", spec.max_rows},
                     {"fields", Json::array()}};
      if (spec.rows_per_epoch) object["rows_per_epoch"] = *spec.rows_per_epoch;
      for (const PortSpec::FieldSpec& field : spec.fields) object["fields"].push_back(field_object(field));
      list.push_back(std::move(object));
    }
  return list;
}

Json model_object(const std::string& node, const ModelSpec& model) {
  return {{"node", node},
          {"inputs", model.inputs},
          {"parameters", model.parameters()},
          {"trainable_parameters", model.trainable_parameters()},
          {"layers", layers_json(model)}};
}

Json budget_object(const ValidatedNode& node) {
  return {{"source", node.name},
          {"declared_blocks", node.declared_blocks},
          {"effective_blocks", node.budget_blocks},
          {"rows_per_block", block_rows(node)},
          {"bytes", node.budget_bytes}};
}

std::string threads_note(const ValidatedGraph& graph) {
  return graph.threads_reason.empty() ? "" : fmt::format("threads: {}\n", graph.threads_reason);
}

Json plan_object(const ValidatedGraph& graph, const StageRegistry& registry) {
  const MemoryEstimate estimate = memory_estimate(graph);
  Json plan = {{"schema", 1},
               {"name", graph.name},
               {"config_hash", graph.config_hash},
               {"plugins", loaded_plugins_json(registry)},
               {"device", to_string(graph.device.id)},
               {"threads", graph.threads},
               {"epochs", graph.epochs},
               {"draws", seed_objects(graph)},
               {"edges", edge_objects(graph)},
               {"models", Json::array()},
               {"budgets", Json::array()},
               {"resume", resume_objects(graph)},
               {"isolated", Json::array()},
               {"memory", Json::array()},
               {"memory_of_process",
                {{"program", estimate.program},
                 {"threads", estimate.threads},
                 {"history", estimate.history},
                 {"kept", estimate.kept}}},
               {"memory_bound_bytes", estimate.total},
               {"possible_memory", possible_objects(graph)},
               {"may_drop_rows", droppers_of(graph)}};
  for (const ValidatedNode& node : graph.nodes) {
    if (node.info->kind == StageKind::source) plan["budgets"].push_back(budget_object(node));
    if (node.isolated) plan["isolated"].push_back({{"node", node.name}, {"timeout", seconds_of(node.call_timeout)}});
    for (const auto& [port, spec] : node.outputs)
      if (spec.model && spec.kind == PortKind::model) plan["models"].push_back(model_object(node.name, *spec.model));
  }
  for (const MemoryEstimate::NodeBytes& node : estimate.nodes)
    plan["memory"].push_back(
        {{"node", node.node}, {"working", node.working}, {"flowing", node.flowing}, {"snapshots", node.models}});
  return plan;
}

}  // namespace

std::string plan_text(const ValidatedGraph& graph, const StageRegistry& registry) {
  const std::string head = fmt::format("{}: {}, epochs {}, seed {}, threads {}\ndevice: {} ({})\n", graph.name,
                                       counted(graph.nodes.size(), "node"), graph.epochs, graph.seed, graph.threads,
                                       to_string(graph.device.id), graph.device.reason);
  return printable(head + threads_note(graph) + models_text(graph) + seeds_text(graph) + edges_text(graph) +
                   budgets_text(graph) + resume_text(graph) + isolation_text(graph) + memory_text(graph) +
                   possible_text(graph) + beyond_text(graph) +
                   fmt::format("\nplan {}\n", plan_sha256(graph, registry)));
}

std::string plan_json(const ValidatedGraph& graph, const StageRegistry& registry) {
  Json plan = plan_object(graph, registry);
  plan["plan_sha256"] = plan_digest(plan);
  return json_line(with_sorted_keys(plan));
}

std::string plan_sha256(const ValidatedGraph& graph, const StageRegistry& registry) {
  return plan_digest(plan_object(graph, registry));
}

void print_plan(const ValidatedGraph& graph, const StageRegistry& registry, bool json) {
  note_loaded_plugins(registry);
  write_result(json ? plan_json(graph, registry) : plan_text(graph, registry));
}

}  // namespace millrace::pipelines
