// What a stage is given when it opens.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/printable_text.hpp"
#include "node_adapter.hpp"
#include "process/stage_mark.hpp"
#include "run/report/run_history.hpp"

#include <millrace/communicator.hpp>
#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace millrace::pipelines {

/// Outlives its stage, and tells the history whose news it has.
class StageContext final : public OpenContext, public NodeSeeds, public RunNews, public RunWarnings {
 public:
  /// Waits for the other processes, if there are any and the stage talks to them.
  StageContext(const ValidatedGraph& graph, NodeAdapter& node, RunHistory& history, Peers* peers, bool strict)
      : graph_(graph), node_(node), history_(history), strict_(strict) {
    const ValidatedNode& valid = node.node();
    const bool talks = peers != nullptr && valid.info->spec.does_communicate();
    communicator_ = talks ? peers->communicator(printable_line(valid.name), printable_line(valid.info->name))
                          : make_self_communicator();
  }

  const std::string& node() const override { return node_.node().name; }
  const PortSpec& input(std::string_view name) const override { return node_.inputs()[node_.input_index(name)]->spec; }
  const PortSpec& output(std::string_view name) const override {
    return node_.outputs()[node_.output_index(name)]->spec;
  }
  std::vector<std::string> inputs() const override { return node_.input_names(); }
  Device& device() override { return node_.services().device; }
  Communicator& communicator() override { return *communicator_; }
  RowShare share() const override { return share_of(node_.node(), graph_.ranks); }
  RunNews& news() override { return *this; }
  std::uint64_t seed() const override { return graph_.seed; }
  std::optional<std::uint64_t> find_seed(std::string_view purpose) const override {
    for (const NodeSeed& seed : node_.node().seeds)
      if (seed.purpose == purpose) return seed.seed;
    return std::nullopt;
  }
  std::uint32_t epochs() const override { return graph_.epochs; }
  std::uint32_t first_pass() const override { return graph_.epochs == 0 ? 0 : 1; }
  bool feeds_device() const override { return node_.node().feeds_device; }

  void epoch_metrics(const Metrics& metrics) override { history_.own_metrics(node(), metrics); }
  void step(const StepProgress& progress) override { history_.step(node(), progress); }
  void model(std::shared_ptr<const ModelSnapshot> model) override {
    const std::uint32_t epoch = call_in_pass() ? call_in_pass()->epoch : model->epoch();
    history_.model(node(), epoch, std::move(model));
  }
  void print(std::string_view text) override {
    const std::optional<StageCall> call = call_in_pass();
    history_.print(node(), call ? std::optional(call->epoch) : std::nullopt, text);
  }
  // Under `--strict` it is a failure and no warning, so that it is told once.
  void warning(std::string name, std::string message, std::string help) override {
    if (strict_) return fail(std::move(name), std::move(message), std::move(help));
    history_.warning(
        {std::move(name), std::move(message), std::move(help), node(), node_.node().info->name, node_.node().where, 0});
  }

 private:
  /// The call of this thread, if it is one for a packet or a permit.
  static std::optional<StageCall> call_in_pass() {
    const StageCall call = current_call();
    return call.place != nullptr && call.phase == nullptr ? std::optional(call) : std::nullopt;
  }

  void fail(std::string name, std::string message, std::string help) {
    if (has_failed_.exchange(true)) return;
    RunFailure failure;
    failure.kind = ErrorKind::run;
    failure.name = std::move(name);
    failure.message = std::move(message);
    failure.help = std::move(help);
    failure.notes.emplace_back("a warning without `--strict`");
    failure.node = node();
    failure.stage = node_.node().info->name;
    failure.where = node_.node().where;
    if (const std::optional<StageCall> call = call_in_pass()) {
      failure.epoch = call->epoch;
      failure.packet = call->packet;
    }
    node_.services().stop.fail(std::move(failure));
  }

  const ValidatedGraph& graph_;
  NodeAdapter& node_;
  RunHistory& history_;
  bool strict_;
  std::atomic<bool> has_failed_{false};  ///< one warning is enough
  std::unique_ptr<Communicator> communicator_;
};

}  // namespace millrace::pipelines
