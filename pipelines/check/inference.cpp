// For each node: construct the stage, check its inputs, call its infer, and translate what it reports into the user's file. Nodes below one
// with errors are not asked.
#include "inference.hpp"

#include "check/graph/node_place.hpp"
#include "check/rules/isolation_check.hpp"
#include "input_warnings.hpp"
#include "shape_notes.hpp"

#include "process/call_limit.hpp"

#include <millrace/detail/node_context.hpp>
#include <millrace/detail/port_check.hpp>
#include <millrace/detail/stage_error.hpp>
#include <millrace/error.hpp>
#include <millrace/float_environment.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace millrace::pipelines {
namespace {

// "model.0.dense.units" in a node's parameters: the value itself, or the innermost part that the user wrote.
Location place_of_param(const NodeSpec& node, std::string_view path) {
  const DocNode* at = &node.with;
  Location where = node.with.where.source ? node.with.where : node.stage_where;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    const DocNode* next = nullptr;
    if (const DocMember* member = at->find(segment)) {
      next = &member->value;
    } else if (at->is_list()) {
      for (std::size_t i = 0; i < at->items.size() && next == nullptr; ++i)
        if (fmt::format("{}", i) == segment) next = &at->items[i];
    }
    if (next == nullptr) break;
    at = next;
    if (at->where.source) where = at->where;
  }
  return where;
}

class NodeInference final : public PortInference {
 public:
  NodeInference(const ValidatedGraph& graph, const CheckedNode& node, ValidatedNode& result, ShapeNotes& shape_notes,
                Diagnostics& diagnostics, InputWarnings& input_warnings)
      : PortInference(inputs_, declared_),
        graph_(graph),
        node_(node),
        result_(result),
        shape_notes_(shape_notes),
        diagnostics_(diagnostics),
        input_warnings_(input_warnings),
        inputs_(PortDirection::input, result.info->name),
        declared_(PortDirection::output, result.info->name) {
    for (const ValidatedEdge& edge : result.inputs) inputs_.add(edge.port, graph.spec_of(edge));
    for (const PortDecl& port : node.outputs) declared_.add(port.name);
  }

  void error(ErrorSite site, std::string name, std::string message, std::string help) override {
    failed_ = true;
    // Of two with one name at one place only the first is shown: a batch may have thousands of fields that nobody knows.
    const bool is_new = told_.emplace(site.what, site.path, name).second;
    std::vector<std::string> notes = is_new ? shape_notes_.notes_for(node_, site, message) : std::vector<std::string>();
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = std::move(name),
                       .message = fmt::format("node `{}` ({}): {}", node_.spec->name, node_.spec->stage, message),
                       .help = with_node(std::move(help)),
                       .notes = std::move(notes)},
                      place_of(site)});
  }
  void warn(ErrorSite site, std::string name, std::string message, std::string help) override {
    std::vector<std::string> notes = shape_notes_.notes_for(node_, site, message);
    Diagnostic warning{{.kind = ErrorKind::config,
                        .name = std::move(name),
                        .message = std::move(message),
                        .help = std::move(help),
                        .notes = std::move(notes)},
                       place_of(site),
                       {},
                       Severity::warning};
    std::string node = fmt::format("`{}` ({})", node_.spec->name, node_.spec->stage);
    if (site.what == ErrorSite::What::input) return input_warnings_.add(std::move(node), std::move(warning));
    warning.message = fmt::format("node {}: {}", node, warning.message);
    warning.help = with_node(std::move(warning.help));
    diagnostics_.add(std::move(warning));
  }
  void reads_rows(std::string origin, std::int64_t first, std::int64_t end) override {
    result_.rows_read.push_back({std::move(origin), first, end});
  }
  void uses_memory(std::string what, std::size_t bytes) override { result_.memory.push_back({std::move(what), bytes}); }
  void may_use_memory(std::string what, std::size_t most_bytes) override {
    result_.possible_memory.push_back({std::move(what), most_bytes});
  }
  void accumulates(std::int64_t rows) override { result_.accumulates_rows = std::max(result_.accumulates_rows, rows); }
  const DeviceId& device() const override { return graph_.device.id; }
  std::uint32_t epochs() const override { return graph_.epochs; }
  bool is_isolated() const override { return result_.isolated; }
  void draws(std::string_view purpose) override {
    const auto same = [&](const NodeSeed& seed) { return seed.purpose == purpose; };
    if (std::none_of(result_.seeds.begin(), result_.seeds.end(), same)) result_.seeds.push_back({std::string(purpose)});
  }
  void measures(std::string_view output, std::vector<std::string> names) override {
    result_.measures.emplace_back(output, std::move(names));
  }
  std::vector<std::string> measured(std::string_view input) const override {
    for (const ValidatedEdge& edge : result_.inputs)
      for (const auto& [output, names] : graph_.nodes[edge.from_node].measures)
        if (edge.port == input && output == edge.from_port) return names;
    return {};
  }
  void reports(std::string_view input, std::string prefix) override {
    result_.reports.emplace_back(input, std::move(prefix));
  }
  void reads_file(std::string path, std::string sha256) override {
    result_.files.push_back({std::move(path), std::move(sha256)});
  }

  bool failed() const { return failed_; }

 private:
  void set_output(std::size_t output, PortSpec spec) override {
    result_.set_output(declared_.name(output), std::move(spec));
  }

  Location place_of(const ErrorSite& site) const {
    if (site.what == ErrorSite::What::param) return place_of_param(*node_.spec, site.path);
    const auto input = site.what == ErrorSite::What::input ? inputs_.find(site.path) : std::nullopt;
    return input ? node_.inputs[*input].spec->where : node_.spec->where;
  }

  // `model.2.dense.units` of a stage is `learn.model.2.dense.units` of the config, and that is what `--set` takes.
  std::string with_node(std::string help) const {
    const auto& params = result_.info->spec.params();
    for (std::size_t tick = help.find('`'); tick != std::string::npos; tick = help.find('`', tick + 1)) {
      const std::string_view path = std::string_view(help).substr(tick + 1);
      const auto begins = [&](const Param& param) { return path.starts_with(param.name + "."); };
      if (std::any_of(params.begin(), params.end(), begins)) help.insert(tick + 1, node_.spec->name + ".");
    }
    return help;
  }

  const ValidatedGraph& graph_;
  const CheckedNode& node_;
  ValidatedNode& result_;
  ShapeNotes& shape_notes_;
  Diagnostics& diagnostics_;
  InputWarnings& input_warnings_;
  PortTable inputs_, declared_;                                           // declared_: the outputs
  std::set<std::tuple<ErrorSite::What, std::string, std::string>> told_;  // errors, by site and name
  bool failed_ = false;
};

void report_throw(const CheckedNode& node, const Error& e, Diagnostics& diagnostics) {
  Diagnostic told{e.problem(), e.param().empty() ? node.spec->where : place_of_param(*node.spec, e.param())};
  if (told.kind == ErrorKind::run) told.kind = ErrorKind::plugin;
  told.message = fmt::format("node `{}` ({}): {}", node.spec->name, node.spec->stage, e.message());
  diagnostics.add(std::move(told));
}

void report_unset(const CheckedNode& node, const ValidatedNode& result, Diagnostics& diagnostics) {
  for (const PortDecl& port : node.outputs) {
    if (result.find_output(port.name) != nullptr) continue;
    diagnostics.add({unset_output_error(node.spec->stage, port.name).problem(), node.spec->where});
  }
}

// Isolation does not help here: the stage is made and asked in this process in any case.
StagePlace place_to_debug(const ValidatedNode& node) {
  return place_of(node, "a debugger shows where: gdb --args pipeline-run check ...");
}

void make_and_infer(const CheckedNode& node, NodeInference& context, ValidatedNode& result) {
  const StagePlace place = place_to_debug(result);
  {
    const StageMark mark(place, "while it is constructed");
    const CallLimit limit(result.making_timeout);
    result.stage = node.info->make(result.params);
  }
  const StageMark mark(place, "in its infer");
  const CallLimit limit(result.making_timeout);
  if (check_inputs(node.info->spec, context)) result.stage->infer(context);
}

// True when the node may be built upon.
bool infer_node(const ValidatedGraph& graph, const CheckedNode& node, ValidatedNode& result, ShapeNotes& shape_notes,
                Diagnostics& diagnostics, InputWarnings& input_warnings) {
  NodeInference context(graph, node, result, shape_notes, diagnostics, input_warnings);
  Diagnostics found;
  std::atomic<bool> changes_floats{false};
  try {
    const FloatGuard guard(&changes_floats);
    make_and_infer(node, context, result);
    if (!context.failed()) report_unset(node, result, found);
  } catch (...) {
    report_throw(node, making_error(std::current_exception(), result.stage ? "infer-failed" : "construct-failed"),
                 found);
  }
  if (changes_floats)
    context.warn(ErrorSite::node(), "float-environment",
                 "changes rounding or denormals while it is made; that was undone",
                 "set them only for a calculation of the stage's own");
  const bool good = !context.failed() && found.empty();
  diagnostics.add_all(std::move(found));
  return good;
}

// Not of each number of a table: what fails while it runs names a parameter, hardly an item of a long list.
void note_places(const DocNode& at, const std::string& path, std::vector<ParamPlace>& places) {
  if (!path.empty() && at.where.source) places.push_back({path, at.where});
  const std::string prefix = path.empty() ? path : path + ".";
  for (const DocMember& member : at.members) note_places(member.value, prefix + member.key, places);
  for (std::size_t i = 0; i < at.items.size(); ++i)
    if (at.items[i].is_map()) note_places(at.items[i], fmt::format("{}{}", prefix, i), places);
}

constexpr std::chrono::milliseconds kUsualTimeout{300'000};

std::optional<std::chrono::milliseconds> written_timeout(const CheckedNode& node) {
  if (!node.run.is_map() || !node.run["timeout"].is_number()) return {};
  return std::chrono::milliseconds(std::max<std::int64_t>(1, std::llround(node.run["timeout"].number() * 1000)));
}

std::chrono::milliseconds call_timeout(const CheckedNode& node) {
  constexpr std::chrono::milliseconds kNone{0};
  if (const auto written = written_timeout(node)) return *written;
  if (node.info == nullptr) return kNone;
  // A step waits for the device and for other processes, which have limits of their own.
  const StageDescriptor& spec = node.info->spec;
  const bool waits_for_others = spec.does_communicate() || spec.does_copy_to_device() || spec.does_read_on_device();
  return waits_for_others ? kNone : kUsualTimeout;
}

ValidatedNode start_node(const CheckedNode& node, const std::vector<std::size_t>& positions) {
  ValidatedNode result;
  result.name = node.spec->name;
  result.info = node.info;
  result.params = node.params;
  result.where = node.spec->where;
  note_places(node.spec->with, "", result.param_places);
  result.run_path = (node.spec->chain.empty() ? node.spec->name : node.spec->chain) + ".run";
  result.can_be_isolated = node.info != nullptr && why_not_isolated(node).empty();
  if (node.run.is_map() && node.run["isolate"].is_text()) result.isolated = node.run["isolate"].text() == "process";
  result.call_timeout = call_timeout(node);
  result.making_timeout = written_timeout(node).value_or(kUsualTimeout);
  for (const CheckedEdge& edge : node.inputs)
    result.inputs.push_back({edge.port, positions[edge.from], edge.from_port});
  return result;
}

/// Of a node whose parameters have errors nothing is known. A model comes from batches too, but from those of its trainer.
std::int64_t batch_rows_into(const ValidatedGraph& graph, const ValidatedNode& node) {
  std::int64_t rows = 0;
  for (const ValidatedEdge& edge : node.inputs) {
    const ValidatedNode& from = graph.nodes[edge.from_node];
    const PortSpec* port = from.find_output(edge.from_port);
    if (port != nullptr && port->kind != PortKind::data) continue;
    const std::string param = from.info != nullptr ? from.info->spec.batch_rows_param() : std::string();
    const bool cuts = !param.empty() && from.params.is_map() && from.params[param].is_number();
    rows = std::max(rows, cuts ? from.params[param].integer() : from.batch_rows);
  }
  return rows;
}

}  // namespace

void infer_nodes(CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics) {
  std::vector<std::size_t> positions(checked.nodes.size(), 0);
  ShapeNotes shape_notes(checked, graph, positions);
  InputWarnings input_warnings;
  graph.nodes.reserve(checked.order.size());
  for (const std::size_t i : checked.order) {
    CheckedNode& node = checked.nodes[i];
    positions[i] = graph.nodes.size();
    graph.nodes.push_back(start_node(node, positions));
    graph.nodes.back().batch_rows = batch_rows_into(graph, graph.nodes.back());
    const auto is_broken = [&](const CheckedEdge& e) { return checked.nodes[e.from].broken; };
    node.broken = node.broken || std::any_of(node.inputs.begin(), node.inputs.end(), is_broken);
    if (!node.broken)
      node.broken = !infer_node(graph, node, graph.nodes.back(), shape_notes, diagnostics, input_warnings);
    if (node.broken) graph.nodes.back().clear_outputs();
  }
  input_warnings.tell(diagnostics);
}

}  // namespace millrace::pipelines
