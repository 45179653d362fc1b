// A depth-first search upstream from the evaluator and from its trainer finds their sources, whose ranges of rows are then intersected.
// What is prepared otherwise is told by what inference knows of the two inputs.
#include "measurement_check.hpp"

#include "file_copies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

PortKind kind_of(const ValidatedGraph& graph, const ValidatedEdge& edge) { return graph.spec_of(edge).kind; }

bool measures_a_model(const ValidatedGraph& graph, const ValidatedNode& node) {
  const bool takes_model = std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
    return kind_of(graph, edge) == PortKind::model;
  });
  return takes_model && std::any_of(node.outputs.begin(), node.outputs.end(),
                                    [](const auto& port) { return port.second.kind == PortKind::metrics; });
}

/// The sources whose rows all reach the data inputs of `node`. Each node is looked at once, by however many ways rows leave it.
std::set<std::size_t> sources_of(const ValidatedGraph& graph, const ValidatedNode& node) {
  std::set<std::size_t> sources, seen;
  std::vector<const ValidatedNode*> open{&node};
  while (!open.empty()) {
    const ValidatedNode& at = *open.back();
    open.pop_back();
    for (const ValidatedEdge& edge : at.inputs) {
      if (kind_of(graph, edge) != PortKind::data || !seen.insert(edge.from_node).second) continue;
      const ValidatedNode& from = graph.nodes[edge.from_node];
      if (from.info->kind == StageKind::source)
        sources.insert(edge.from_node);
      else if (!from.may_drop_rows())
        open.push_back(&from);
    }
  }
  return sources;
}

Diagnostic overlap(const ValidatedNode& measured, const ValidatedNode& trained, const std::string& origin,
                   std::int64_t first, std::int64_t end, const std::string& trainer) {
  return {{.kind = ErrorKind::config,
           .name = "train-evaluate-overlap",
           .message = fmt::format(
               "node `{}` ({}): rows {} to {} of {} measure a model that `{}` trains on them too, from node `{}`",
               measured.name, measured.info->name, first, end - 1, origin, trainer, trained.name),
           .help = "measure on rows that were not trained on: another split, or `rows: [first, count]` on both nodes"},
          measured.where,
          {},
          Severity::warning};
}

/// Calls `tell` with what is read by both: where it is from, first row and end.
template <class Tell>
void compare_rows(const ValidatedNode& one, const ValidatedNode& other, FileCopies& copies, const Tell& tell) {
  for (const RowsRead& mine : one.rows_read)
    for (const RowsRead& theirs : other.rows_read) {
      const std::int64_t first = std::max(mine.first, theirs.first), end = std::min(mine.end, theirs.end);
      if (first >= end) continue;
      if (mine.origin == theirs.origin)
        tell(mine.origin, first, end);
      else if (copies.are_copies(one.files, other.files))
        tell(fmt::format("{}, a copy of {},", mine.origin, theirs.origin), first, end);
    }
}

void compare(const ValidatedNode& measured, const ValidatedNode& trained, const std::string& trainer,
             FileCopies& copies, Diagnostics& diagnostics) {
  compare_rows(measured, trained, copies, [&](const std::string& origin, std::int64_t first, std::int64_t end) {
    diagnostics.add(overlap(measured, trained, origin, first, end, trainer));
  });
}

Diagnostic test_overlap(const ValidatedNode& test, const ValidatedNode& validation, const std::string& origin,
                        std::int64_t first, std::int64_t end) {
  return {{.kind = ErrorKind::config,
           .name = "train-evaluate-overlap",
           .message = fmt::format("node `{}` ({}): rows {} to {} of {} are of the test and of the validation too, from "
                                  "node `{}`: what is chosen by these has seen the test",
                                  test.name, test.info->name, first, end - 1, origin, validation.name),
           .help = "keep rows for the test alone: another split, or `rows: [first, count]` on both nodes"},
          test.where,
          {},
          Severity::warning};
}

/// A field of the data that trains a model, and the one of that name that measures it; each with the edge along which it comes.
struct FieldPair {
  const PortSpec::FieldSpec &measured, &trained;
  const ValidatedEdge &measured_edge, &trained_edge;
};

std::vector<FieldPair> fields_of_one_name(const ValidatedGraph& graph, const ValidatedNode& node,
                                          const ValidatedNode& trainer) {
  std::vector<FieldPair> pairs;
  for (const ValidatedEdge& mine : node.inputs)
    for (const ValidatedEdge& theirs : trainer.inputs)
      for (const PortSpec::FieldSpec& measured : graph.spec_of(mine).fields)
        for (const PortSpec::FieldSpec& trained : graph.spec_of(theirs).fields)
          if (measured.name == trained.name) pairs.push_back({measured, trained, mine, theirs});
  return pairs;
}

Diagnostic difference(const char* name, const ValidatedNode& node, std::string message, const char* help) {
  return {{.kind = ErrorKind::config,
           .name = name,
           .message = fmt::format("node `{}` ({}): {}", node.name, node.info->name, std::move(message)),
           .help = help},
          node.where,
          {},
          Severity::warning};
}

// The first class that is another one; of those that only one side has nothing is said.
void compare_classes(const ValidatedNode& node, const ValidatedNode& trainer, const FieldPair& pair,
                     Diagnostics& diagnostics) {
  const ClassNames::List &mine = pair.measured.spec.class_names.list(), &theirs = pair.trained.spec.class_names.list();
  const auto shared = static_cast<std::ptrdiff_t>(std::min(mine.size(), theirs.size()));
  const auto [here, there] = std::mismatch(mine.begin(), mine.begin() + shared, theirs.begin());
  if (here == mine.begin() + shared) return;
  diagnostics.add(
      difference("classes-differ", node,
                 fmt::format("class {} of `{}` is `{}` here and `{}` where `{}` trains the model", here - mine.begin(),
                             pair.measured.name, *here, *there, trainer.name),
                 "name the classes in one order for both, for example by one_hot with `classes: [NAME, ...]`"));
}

// Of a table the range is that of its values, which may differ; images of files have that of their type.
bool come_from_files(const ValidatedGraph& graph, const std::set<std::size_t>& sources) {
  const auto is_table = [&](std::size_t source) { return graph.nodes[source].rows_read.empty(); };
  return !sources.empty() && std::none_of(sources.begin(), sources.end(), is_table);
}

/// The inputs that make field `name` of what `node` emits: the one that is named so, as in a batcher, or else all.
std::vector<const ValidatedEdge*> inputs_of_field(const ValidatedNode& node, const std::string& name) {
  std::vector<const ValidatedEdge*> inputs;
  for (const ValidatedEdge& edge : node.inputs) {
    if (edge.port == name) return {&edge};
    inputs.push_back(&edge);
  }
  return inputs;
}

// Labels of a path have the range of their values, as a table has: some rows may lack the highest class.
bool has_range_of_values(const ValidatedGraph& graph, const ValidatedEdge& edge, const std::string& field) {
  std::set<std::size_t> seen;
  std::vector<const ValidatedEdge*> open{&edge};
  while (!open.empty()) {
    const ValidatedEdge& at = *open.back();
    open.pop_back();
    if (!graph.spec_of(at).range_location.empty()) return true;
    if (!seen.insert(at.from_node).second) continue;
    for (const ValidatedEdge* input : inputs_of_field(graph.nodes[at.from_node], field)) open.push_back(input);
  }
  return false;
}

// Classes are compared by their names.
bool has_range_of_type(const ValidatedGraph& graph, const FieldPair& pair) {
  return pair.measured.spec.class_names.empty() && pair.trained.spec.class_names.empty() &&
         !has_range_of_values(graph, pair.measured_edge, pair.measured.name) &&
         !has_range_of_values(graph, pair.trained_edge, pair.trained.name);
}

// A range within the other one is nothing by itself, since rows that train may be varied; but one that is the other times a
// factor is another scale.
bool is_prepared_alike(const ValueRange& measured, const ValueRange& trained) {
  if (measured.lo < trained.lo || measured.hi > trained.hi) return false;
  if (measured.hi == trained.hi || measured.hi == 0) return true;
  return measured.lo * (trained.hi / measured.hi) != trained.lo;
}

void compare_ranges(const ValidatedNode& node, const ValidatedNode& trainer, const FieldPair& pair,
                    Diagnostics& diagnostics) {
  const std::optional<ValueRange>&mine = pair.measured.spec.range, &theirs = pair.trained.spec.range;
  if (!mine || !theirs || is_prepared_alike(*mine, *theirs)) return;
  diagnostics.add(difference(
      "ranges-differ", node,
      fmt::format("`{}` lies in [{}, {}] here and in [{}, {}] where `{}` trains the model", pair.measured.name,
                  mine->lo, mine->hi, theirs->lo, theirs->hi, trainer.name),
      "prepare both alike, by one chain for both; --set chains.NAME.1.STAGE.PARAMETER=VALUE sets all its uses"));
}

void compare_fields(const ValidatedGraph& graph, const ValidatedNode& node, const ValidatedNode& trainer, bool of_files,
                    Diagnostics& diagnostics) {
  for (const FieldPair& pair : fields_of_one_name(graph, node, trainer)) {
    compare_classes(node, trainer, pair, diagnostics);
    if (of_files && has_range_of_type(graph, pair)) compare_ranges(node, trainer, pair, diagnostics);
  }
}

void check_measurement(const ValidatedGraph& graph, const ValidatedNode& node, FileCopies& copies,
                       Diagnostics& diagnostics) {
  const std::set<std::size_t> measuring = sources_of(graph, node);
  for (const ValidatedEdge& edge : node.inputs) {
    if (kind_of(graph, edge) != PortKind::model) continue;
    const ValidatedNode& trainer = graph.nodes[edge.from_node];
    const std::set<std::size_t> training = sources_of(graph, trainer);
    for (const std::size_t mine : measuring)
      for (const std::size_t theirs : training)
        compare(graph.nodes[mine], graph.nodes[theirs], trainer.name, copies, diagnostics);
    compare_fields(graph, node, trainer, come_from_files(graph, measuring) && come_from_files(graph, training),
                   diagnostics);
  }
}

std::set<std::size_t> evaluated_sources(const ValidatedGraph& graph, bool of_test) {
  std::set<std::size_t> sources;
  for (const ValidatedNode& node : graph.nodes)
    if (node.is_test == of_test && graph.is_evaluator(node)) sources.merge(sources_of(graph, node));
  return sources;
}

void compare_with_validation(const ValidatedGraph& graph, FileCopies& copies, Diagnostics& diagnostics) {
  const std::set<std::size_t> validations = evaluated_sources(graph, false);
  for (const std::size_t test : evaluated_sources(graph, true))
    for (const std::size_t validation : validations)
      compare_rows(graph.nodes[test], graph.nodes[validation], copies,
                   [&](const std::string& origin, std::int64_t first, std::int64_t end) {
                     diagnostics.add(test_overlap(graph.nodes[test], graph.nodes[validation], origin, first, end));
                   });
}

}  // namespace

void warn_of_measurements(const ValidatedGraph& graph, Diagnostics& diagnostics) {
  FileCopies copies;
  for (const ValidatedNode& node : graph.nodes)
    if (measures_a_model(graph, node)) check_measurement(graph, node, copies, diagnostics);
  compare_with_validation(graph, copies, diagnostics);
}

}  // namespace millrace::pipelines
