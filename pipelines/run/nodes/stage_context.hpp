// What a stage is given when it opens.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/printable_text.hpp"
#include "node_adapter.hpp"
#include "process/stage_mark.hpp"
#include "run/report/run_history.hpp"

#include <millrace/communicator.hpp>
#include <millrace/detail/node_context.hpp>
#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace millrace::pipelines {

/// Outlives its stage, and tells the history of whom it hears.
class StageContext final : public NodeOpening, public RunReporter {
 public:
  /// Waits for the other processes, if there are any and the stage talks to them.
  StageContext(const ValidatedGraph& graph, NodeAdapter& node, RunHistory& history, Peers* peers, bool strict)
      : NodeOpening(node_info_of(graph, node.node()), node.input_ports(), node.output_ports()),
        node_(node),
        history_(history),
        strict_(strict) {
    const ValidatedNode& valid = node.node();
    const bool talks = peers != nullptr && valid.info->spec.does_communicate();
    communicator_ = talks ? peers->communicator(printable_line(valid.name), printable_line(valid.info->name))
                          : make_self_communicator();
    // Of a node that has a part of the rows and talks to no other rank nobody would know the whole.
    const bool has_part = peers != nullptr && valid.shared_batch_rows != 0;
    if (!has_row_account(graph, valid) || (has_part && !talks)) return;
    // Of its own: what the stage has put into a stream is posted when the device comes to it, later on one rank than on another.
    if (has_part) row_communicator_ = peers->communicator(printable_line(valid.name), printable_line(valid.info->name));
    node_.account_rows(row_communicator_.get());
  }

  Device& device() override { return node_.services().device; }
  Communicator& communicator() override { return *communicator_; }
  RunReporter& reporter() override { return *this; }

  void epoch_metrics(const Metrics& metrics) override { history_.own_metrics(node(), metrics); }
  void step(const StepProgress& progress) override { history_.step(node(), progress); }
  void model(std::shared_ptr<const ModelSnapshot> model) override {
    const std::uint32_t epoch = call_in_epoch() ? call_in_epoch()->epoch : model->epoch();
    history_.model(node(), epoch, std::move(model));
  }
  void best_epoch(const BestEpoch& best) override { history_.best_epoch(node(), best); }
  void print(std::string_view text) override {
    const std::optional<StageCall> call = call_in_epoch();
    history_.print(node(), call ? std::optional(call->epoch) : std::nullopt, text);
  }
  // Under `--strict` it is a failure and no warning, so that it is told once.
  void warn(std::string name, std::string message, std::string help) override {
    if (strict_) return fail(std::move(name), std::move(message), std::move(help));
    history_.warning({{.name = std::move(name), .message = std::move(message), .help = std::move(help)},
                      node(),
                      node_.node().info->name,
                      node_.node().where});
  }

 private:
  static NodeInfo node_info_of(const ValidatedGraph& graph, const ValidatedNode& node) {
    NodeInfo node_info{node.name, {}, graph.epochs, graph.first_epoch, share_of(node, graph.ranks), node.feeds_device};
    for (const NodeSeed& seed : node.seeds) node_info.seeds.emplace_back(seed.purpose, seed.seed);
    return node_info;
  }

  /// The call of this thread, if it is one for a packet or a credit.
  static std::optional<StageCall> call_in_epoch() {
    const StageCall call = current_call();
    return call.place != nullptr && call.phase == nullptr ? std::optional(call) : std::nullopt;
  }

  void fail(std::string name, std::string message, std::string help) {
    if (has_failed_.exchange(true)) return;
    RunFailure failure = failure_of_node(node_.node(), {.name = std::move(name),
                                                        .message = std::move(message),
                                                        .help = std::move(help),
                                                        .notes = {"a warning without `--strict`"}});
    if (const std::optional<StageCall> call = call_in_epoch()) {
      failure.epoch = call->epoch;
      failure.packet = call->packet;
    }
    node_.services().stop.fail(failure);
  }

  NodeAdapter& node_;
  RunHistory& history_;
  bool strict_;
  std::atomic<bool> has_failed_{false};  ///< one warning is enough
  std::unique_ptr<Communicator> communicator_, row_communicator_;
};

}  // namespace millrace::pipelines
