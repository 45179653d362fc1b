// A node that hangs is told with those that wait for it; one that nothing has reached, with where to look.
#include "run_failures.hpp"

#include "diagnostics/printable_text.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

/// The nodes that wait for a node, directly or by way of others: they stand still until it returns.
std::vector<std::string> who_waits(const ValidatedGraph& graph, std::size_t hung) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> notes;
  std::vector<bool> waits(graph.nodes.size(), false);
  waits[hung] = true;
  for (std::size_t i = hung + 1; i < graph.nodes.size() && notes.size() < kMost; ++i)
    for (const ValidatedEdge& edge : graph.nodes[i].inputs) {
      if (waits[i] || !waits[edge.from_node]) continue;
      waits[i] = true;
      notes.push_back(fmt::format("`{}` waits for `{}`", graph.nodes[i].name, graph.nodes[edge.from_node].name));
    }
  return notes;
}

RunFailure nothing_reached(const ValidatedNode& node, std::string name, std::string message) {
  return failure_of_node(node,
                         {.name = std::move(name),
                          .message = std::move(message),
                          .help = "no row has reached it: look at its sources, and at stages upstream that drop rows"});
}

bool is_transform(const ValidatedGraph& graph, const std::string& name) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const ValidatedNode& node) {
    return node.name == name && node.info->kind == StageKind::transform;
  });
}

}  // namespace

RunFailure hung_stage(const ValidatedGraph& graph, std::size_t index, const RunPosition& at) {
  const ValidatedNode& node = graph.nodes[index];
  RunFailure failure = failure_of_node(
      node, {.kind = ErrorKind::stalled,
             .name = "stage-hung",
             .message = fmt::format("a call of the stage has not returned for {} s",
                                    static_cast<double>(node.call_timeout.count()) / 1000),
             .help = fmt::format(
                 "look for a wait or an endless loop in the stage; `--set {}.timeout=SECONDS` gives it longer{}",
                 node.run_path,
                 node.can_be_isolated
                     ? fmt::format(", `--set {}.isolate=process` lets the run end it in order", node.run_path)
                     : ""),
             .notes = who_waits(graph, index)});
  failure.epoch = at.epoch;
  failure.packet = at.packet;
  failure.batch = at.batch;
  return failure;
}

// Packets of a transform are worked on side by side, and which of those that fail is told first is chance. They are begun in
// order, so the first of them is among what has failed, however many threads there are.
std::vector<RunFailure> first_of_transforms(const ValidatedGraph& graph, std::vector<RunFailure> failures) {
  std::vector<RunFailure> first;
  for (RunFailure& failure : failures) {
    const auto same = std::find_if(first.begin(), first.end(), [&](const RunFailure& f) {
      return !f.node.empty() && f.node == failure.node && is_transform(graph, f.node);
    });
    if (same == first.end())
      first.push_back(std::move(failure));
    else if (failure.packet < same->packet)
      *same = std::move(failure);
  }
  return first;
}

RunFailure nothing_trained(const ValidatedNode& node, std::uint32_t epochs) {
  return nothing_reached(node, "nothing-trained",
                         fmt::format("node `{}` has trained no batch in {}, so its weights are those it began with",
                                     node.name, counted(epochs, "epoch")));
}

RunFailure nothing_measured(const ValidatedNode& node, std::uint32_t epochs) {
  return nothing_reached(node, "nothing-measured",
                         fmt::format("node `{}` has measured no batch in {}, so nothing is known of the model there",
                                     node.name, counted(epochs, "epoch")));
}

RunFailure missing_epochs(const ValidatedNode& node, const std::string& port,
                          const std::vector<std::uint32_t>& epochs) {
  return failure_of_node(node,
                         {.name = "missing-epoch",
                          .message = fmt::format("`{}.{}` has told nothing of {} {}", node.name, port,
                                                 epochs.size() == 1 ? "epoch" : "epochs", fmt::join(epochs, ", ")),
                          .help = "a stage that trains emits the metrics of every epoch, at its end"});
}

std::string text_for_peers(const RunFailure& failure) {
  const std::string place = failure.node.empty() ? "" : node_text(failure.node, failure.stage) + ": ";
  return printable_line(
      fmt::format("{}error[{}]: {}", place, failure.name, shortened(failure.message, kMostMessageBytes)));
}

RunFailure leaked_memory(std::size_t bytes) {
  return {{.name = "leaked-memory",
           .message = fmt::format("after every stage is gone, {} of tensors still take memory", counted(bytes, "byte")),
           .help = "this is a defect of a stage or plugin: something outlives it, a static variable perhaps"}};
}

namespace {

std::string kept_note(const std::string& node, const EpochCut& cut, const std::vector<TrainedModel>& models) {
  for (const TrainedModel& trained : models)
    if (trained.node == node)
      return fmt::format("what is reported of `{}` is its model at the end of epoch {}, which is finite", node,
                         trained.model->epoch());
  // Of what has not diverged an epoch that the others did not finish is left out, whatever its weights were.
  if (cut.epoch != UINT32_MAX && !cut.nodes.contains(node))
    return fmt::format("no epoch before epoch {} has been whole, so no model of `{}` is reported", cut.epoch, node);
  return fmt::format("no epoch of `{}` has ended with finite weights, so no model of it is reported", node);
}

}  // namespace

void add_kept_notes(const ValidatedGraph& graph, const EpochCut& cut, const std::vector<TrainedModel>& models,
                    RunFailure& failure) {
  for (const ValidatedNode& node : graph.nodes)
    if (graph.is_trainer(node)) failure.notes.push_back(kept_note(node.name, cut, models));
}

}  // namespace millrace::pipelines
