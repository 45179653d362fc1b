// Everything one run owns.
#include "run_state.hpp"

#include "check/node_place.hpp"
#include "config/printable_text.hpp"
#include "conservation.hpp"
#include "isolation/isolated_stage.hpp"

#include <millrace/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/float_environment.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

std::size_t block_bytes(const ValidatedNode& node) {
  std::size_t bytes = 0;
  for (const auto& [name, port] : node.outputs)
    for (const auto& field : port.fields)
      bytes += static_cast<std::size_t>(port.max_rows) * field.spec.stored_row_bytes();
  return bytes;
}

std::unique_ptr<NodeAdapter> make_adapter(ValidatedNode& node, const NodeServices& services) {
  switch (node.info->kind) {
    case StageKind::source:
      return make_source_adapter(node, services);
    case StageKind::transform:
      return make_transform_adapter(node, services);
    case StageKind::serial:
      return make_serial_adapter(node, services);
  }
  throw Error(ErrorKind::run, "no-such-kind", "node `" + node.name + "` has a kind of stage that nobody knows");
}

std::vector<EdgeCount> count_edges(const std::vector<std::unique_ptr<NodeAdapter>>& nodes) {
  std::vector<EdgeCount> edges;
  for (const auto& node : nodes)
    for (std::size_t i = 0; i < node->inputs().size(); ++i) {
      const InputPort& in = *node->inputs()[i];
      const OutputPort& out = *in.from->outputs()[in.from_port];
      edges.push_back({in.from->node().name + "." + out.name, node->node().name + "." + in.name, out.emitted, in.taken,
                       in.discarded, node->waiting(i), in.passes_ended, in.spec.kind == PortKind::data});
    }
  return edges;
}

RunFailure kept_packet(const ValidatedNode& node, std::size_t count) {
  RunFailure failure;
  failure.kind = ErrorKind::run;
  failure.name = "kept-packet";
  failure.message = fmt::format("node `{}` still kept {} when the run had ended", node.name,
                                counted(count, "block or epoch", "blocks or epochs"));
  failure.help = "a stage must let go of every packet of a pass by its last_in_epoch";
  failure.node = node.name;
  failure.stage = node.info->name;
  failure.where = node.where;
  return failure;
}

RunFailure nothing_trained(const ValidatedNode& node, std::uint32_t epochs) {
  RunFailure failure;
  failure.kind = ErrorKind::run;
  failure.name = "nothing-trained";
  failure.message = fmt::format("node `{}` has trained no batch in {}, so its weights are those it began with",
                                node.name, counted(epochs, "epoch"));
  failure.help = "no row has reached it: look at its sources, and at stages upstream that drop rows";
  failure.node = node.name;
  failure.stage = node.info->name;
  failure.where = node.where;
  return failure;
}

std::size_t communicating_nodes(const ValidatedGraph& graph) {
  return static_cast<std::size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(), [](const ValidatedNode& node) {
    return node.info->spec.does_communicate();
  }));
}

std::vector<std::string> names_of(const ValidatedGraph& graph) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes) names.push_back(node.name);
  return names;
}

RunFailure missing_epochs(const ValidatedNode& node, const std::string& port,
                          const std::vector<std::uint32_t>& epochs) {
  RunFailure failure;
  failure.kind = ErrorKind::run;
  failure.name = "missing-epoch";
  failure.message = fmt::format("`{}.{}` has told nothing of {} {}", node.name, port,
                                epochs.size() == 1 ? "epoch" : "epochs", fmt::join(epochs, ", "));
  failure.help = "a stage that trains emits the metrics of every pass, at its end";
  failure.node = node.name;
  failure.stage = node.info->name;
  failure.where = node.where;
  return failure;
}

/// What is kept of a training that has diverged.
std::string kept_note(const std::string& node, const std::vector<TrainedModel>& models) {
  for (const TrainedModel& trained : models)
    if (trained.node == node)
      return fmt::format("what is reported of `{}` is its model at the end of epoch {}, which is finite", node,
                         trained.model->epoch());
  return fmt::format("no epoch of `{}` has ended with finite weights, so no model of it is reported", node);
}

/// For the other processes, which know neither this one's files nor its lines.
std::string text_of(const RunFailure& failure) {
  const std::string place =
      failure.node.empty() ? "" : fmt::format("node `{}` (stage {}): ", failure.node, failure.stage);
  return fmt::format("{}error[{}]: {}", place, failure.name, failure.message);
}

RunFailure lost_hold(std::size_t count) {
  RunFailure failure;
  failure.kind = ErrorKind::run;
  failure.name = "kept-packet";
  failure.message = fmt::format("after every stage is gone, something still keeps {}",
                                counted(count, "block or epoch", "blocks or epochs"));
  failure.help = "something outlives its stage and keeps a packet: a static variable or a thread of a plugin";
  return failure;
}

}  // namespace

Run::Run(ValidatedGraph& graph, const RunOptions& options)
    : graph_(graph),
      peers_(options.peers),
      at_work_(options.at_work),
      began_(std::chrono::steady_clock::now()),
      // A rank that stopped alone would leave the others waiting in a sum.
      stop_(peers_ != nullptr && communicating_nodes(graph) > 0 ? &peers_->agreed_stop() : options.stop_signal),
      history_(names_of(graph), graph.reported, options.observer, began_),
      device_timeout_(options.device_timeout),
      stage_host_(options.stage_host),
      strict_(options.strict) {
  if (peers_ == nullptr) return;
  stop_.set_listener([this](const RunFailure& failure) {
    if (failure.name != "peer-lost") peers_->failed(text_of(failure));
  });
}

// Nodes that wait for other ranks block a thread each. With fewer threads than such nodes one rank could wait in one node
// and another in the other, for ever.
int Run::threads() const {
  const int wanted = std::max(graph_.threads, 1);
  return peers_ == nullptr ? wanted : std::max(wanted, static_cast<int>(communicating_nodes(graph_)));
}

void Run::finish_with_peers() {
  if (peers_ != nullptr && !stop_.stopping()) peers_->finish();
}

Run::~Run() = default;

void Run::guarded(void (Run::*step)()) {
  try {
    (this->*step)();
  } catch (...) {
    stop_.fail(describe_exception(std::current_exception()));
  }
}

RunReport Run::execute() {
  guarded(&Run::open_device);
  if (!device_) return take_report();
  flow_ = std::make_unique<FlowGraph>(threads());
  flow_->execute([this] {
    guarded(&Run::build);
    if (!stop_.stopping()) guarded(&Run::open_stages);
    if (!stop_.stopping()) guarded(&Run::flow);
    guarded(&Run::tell_rest);
    if (ledger_) guarded(&Run::close_stages);
  });
  if (at_work_ != nullptr) at_work_->follow(nullptr);
  waiter_.reset();
  flow_.reset();
  for (const auto& node : nodes_) report_.nodes.push_back(node->report());
  nodes_.clear();
  measure_memory();
  guarded(&Run::finish_with_peers);
  return take_report();
}

void Run::open_device() {
  device_ = millrace::open_device(graph_.device.id);
  if (!device_->is_host()) host_memory_ = make_host_allocator();
}

std::vector<SourceBudget> Run::budgets() const {
  std::vector<SourceBudget> budgets;
  for (const std::size_t index : sources_) {
    const ValidatedNode& node = graph_.nodes[index];
    budgets.push_back({node.name, node.budget_blocks, node.budget_bytes, block_bytes(node)});
  }
  return budgets;
}

// What infer has said stays; the stage that said it makes room for one that does its work elsewhere.
void Run::isolate_stages() {
  for (ValidatedNode& node : graph_.nodes) {
    if (!node.isolated) continue;
    Isolation isolation{node.info, node.params, node.outputs, stage_host_, node.call_timeout, {}, graph_.seed};
    for (const NodeSeed& seed : node.seeds) isolation.seeds.emplace_back(seed.purpose, seed.seed);
    isolation.fail = [this, &node](const std::exception_ptr& thrown) { stop_.fail(failure_of(node, thrown)); };
    const StagePlace place = place_of(node, "");
    const StageMark mark(place, "while it is destroyed");
    node.stage = make_isolated_stage(std::move(isolation));
  }
}

void Run::build() {
  isolate_stages();
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    if (graph_.nodes[i].info->kind == StageKind::source) sources_.push_back(i);
  const std::uint32_t first = graph_.epochs == 0 ? 0 : 1;
  LedgerHooks hooks;
  hooks.start = [this](Permit permit) {
    Work work;
    work.permit = std::move(permit);
    NodeAdapter& node = *nodes_[sources_[work.permit.source]];
    node.submit(std::move(work));
  };
  hooks.stopping = [this] { return stop_.stopping(); };
  hooks.epoch_ended = [this](std::uint32_t epoch) {
    try {
      tell_busy();
      history_.epoch_ended(epoch);
    } catch (...) {  // an observer's; this may be the end of a packet, where nothing may be thrown
      stop_.fail(describe_exception(std::current_exception()));
    }
  };
  ledger_ = PermitLedger::make(budgets(), EpochGate(first, graph_.epochs, graph_.epochs_ahead, sources_.size()),
                               std::move(hooks));
  WaiterHooks wait_hooks;
  wait_hooks.reserve = [this] { flow_->reserve(); };
  wait_hooks.release = [this] { flow_->release(); };
  wait_hooks.give_up = [this] { device_->abandon(); };
  waiter_ = std::make_unique<EventWaiter>(device_timeout_, std::move(wait_hooks));
  const NodeServices services{stop_,    *ledger_,     *device_, host_memory_ ? *host_memory_ : device_->memory(),
                              *waiter_, graph_.ranks, &history_};
  for (ValidatedNode& node : graph_.nodes) {
    nodes_.push_back(make_adapter(node, services));
    contexts_.push_back(std::make_unique<StageContext>(graph_, *nodes_.back(), history_, peers_, strict_));
    for (const ValidatedEdge& edge : node.inputs) nodes_.back()->connect(edge, *nodes_[edge.from_node]);
  }
  flow_->build(nodes_);
  if (at_work_ != nullptr) at_work_->follow([this] { return work_in_hand(); });
}

WorkInHand Run::work_in_hand() const {
  WorkInHand work;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->clock().is_running() || opening_or_closing_ == i)
      work.called.push_back(graph_.nodes[i].name);
    else if (nodes_[i]->waits_for_device())
      work.on_device.push_back(graph_.nodes[i].name);
  }
  return work;
}

// Not once the nodes are being taken down: an epoch may end with the last packet that a stage kept.
void Run::tell_busy() {
  if (!flow_) return;
  std::map<std::string, double> seconds;
  for (std::size_t i = 0; i < nodes_.size(); ++i) seconds[graph_.nodes[i].name] = nodes_[i]->clock().sums().busy;
  history_.busy(seconds);
}

void Run::tell_rest() { history_.finish(); }

void Run::open_stages() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    try {
      const StageMark mark(nodes_[i]->place(), "while it opens");
      const FloatGuard guard(&nodes_[i]->changes_floats());
      opening_or_closing_ = i;
      graph_.nodes[i].stage->open(*contexts_[i]);
      opened_.push_back(i);
    } catch (...) {
      stop_.fail(failure_of(graph_.nodes[i], std::current_exception()));
    }
    opening_or_closing_ = SIZE_MAX;
    if (stop_.stopping()) return;
  }
}

void Run::flow() {
  for (const auto& node : nodes_) node->clock().open();
  ledger_->start();
  flow_->wait();
  ledger_->close();
  flow_->wait();  // a permit may have been handed out while the ledger was closing
  for (const auto& node : nodes_) node->clock().close();
  account();
}

// Order matters: tokens are counted before anything is given back, and a stopped run discards before its edges are
// compared.
void Run::account() {
  stopped_ = stop_.stopped();
  std::vector<SourceCount> sources;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const PermitLedger::SourceState state = ledger_->source(i);
    const ValidatedNode& node = graph_.nodes[sources_[i]];
    sources.push_back({node.name, state.passes, state.alive, node.budget_blocks});
  }
  if (stopped_) discard_waiting();
  const std::uint32_t passes = ledger_->last_pass() - ledger_->first_pass() + 1;
  for (RunFailure& failure : check_conservation(count_edges(nodes_), sources, passes, stopped_))
    stop_.fail(std::move(failure));
  discard_waiting();
  if (stop_.stopped()) return;
  require_every_epoch();
  require_training();
}

void Run::require_every_epoch() {
  for (const ValidatedNode& node : graph_.nodes) {
    if (!graph_.is_trainer(node)) continue;
    for (const auto& [port, spec] : node.outputs) {
      if (spec.kind != PortKind::metrics) continue;
      const auto missing = history_.missing(node.name, port, ledger_->first_pass(), ledger_->last_pass());
      if (!missing.empty()) stop_.fail(missing_epochs(node, port, missing));
    }
  }
}

// The model of a node that has told neither a step nor a metric is the one that it began with.
void Run::require_training() {
  if (graph_.epochs == 0) return;
  for (const TrainedModel& trained : history_.models())
    for (const ValidatedNode& node : graph_.nodes)
      if (node.name == trained.node && graph_.is_trainer(node) && !history_.has_worked(node.name))
        stop_.fail(nothing_trained(node, graph_.epochs));
}

void Run::discard_waiting() {
  for (const auto& node : nodes_) {
    node->discard_waiting();
    node->release_holds();
  }
}

// At the end of a run that nobody stopped, whoever still keeps a packet shows by what comes back when it goes.
void Run::close_stages() {
  std::vector<std::size_t> kept(graph_.nodes.size(), 0);
  const auto let_go = [&](std::size_t node, const auto& how) {
    const std::size_t before = ledger_->held();
    const StageMark mark(nodes_[node]->place(), "while it closes");
    const FloatGuard guard(&nodes_[node]->changes_floats());
    opening_or_closing_ = node;
    how(*graph_.nodes[node].stage);
    opening_or_closing_ = SIZE_MAX;
    kept[node] += before - std::min(before, ledger_->held());
  };
  for (auto it = opened_.rbegin(); it != opened_.rend(); ++it) let_go(*it, [](Stage& stage) { stage.close(); });
  for (std::size_t i = nodes_.size(); i-- > 0;) let_go(i, [&](Stage&) { graph_.nodes[i].stage.reset(); });
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i] != 0 && !stopped_) stop_.fail(kept_packet(graph_.nodes[i], kept[i]));
  if (const std::size_t held = ledger_->held(); held != 0) stop_.fail(lost_hold(held));
}

void Run::measure_memory() {
  report_.device_times = device_->times();
  report_.device_peak_bytes = device_->memory().peak_bytes();
  std::vector<Allocator*> allocators = {&device_->memory()};
  if (&device_->staging() != allocators.front()) allocators.push_back(&device_->staging());
  if (host_memory_) allocators.push_back(host_memory_.get());
  for (const Allocator* allocator : allocators) {
    report_.peak_bytes += allocator->peak_bytes();
    report_.leaked_bytes += allocator->live_bytes();
  }
  if (report_.leaked_bytes == 0) return;
  RunFailure failure;
  failure.kind = ErrorKind::run;
  failure.name = "leaked-memory";
  failure.message =
      fmt::format("after every stage is gone, {} of tensors still take memory", counted(report_.leaked_bytes, "byte"));
  failure.help = "this is a defect of a stage or plugin: something outlives it, a static variable perhaps";
  stop_.fail(std::move(failure));
}

// Of several trainers none is the run's, also when only one of them has come to the end of an epoch.
void Run::take_single_model() {
  const auto trainers = std::count_if(graph_.nodes.begin(), graph_.nodes.end(),
                                      [&](const ValidatedNode& node) { return graph_.is_trainer(node); });
  if (trainers > 1) return;
  for (const TrainedModel& trained : report_.models) {
    const auto node = std::find_if(graph_.nodes.begin(), graph_.nodes.end(),
                                   [&](const ValidatedNode& n) { return n.name == trained.node; });
    if (trainers == 1 ? !graph_.is_trainer(*node) : report_.models.size() > 1) continue;
    report_.model = trained.model;
    report_.weights_sha256 = trained.model->weights_sha256();
  }
}

RunReport Run::take_report() {
  report_.epochs = history_.epochs();
  report_.models = history_.models();
  take_single_model();
  report_.failures = stop_.failures();
  for (RunFailure& failure : report_.failures)
    if (failure.kind == ErrorKind::diverged)
      for (const ValidatedNode& node : graph_.nodes)
        if (graph_.is_trainer(node)) failure.notes.push_back(kept_note(node.name, report_.models));
  report_.warnings = history_.warnings();
  report_.seconds = seconds_since(began_);
  report_.first_batch_seconds = history_.first_step_seconds();
  if (!report_.failures.empty()) {
    report_.exit_code = static_cast<int>(report_.failures.front().kind);
    report_.reason = "failed";
  } else if (stop_.signal() != 0) {
    report_.exit_code = 128 + stop_.signal();
    report_.reason = fmt::format("signal {}", stop_.signal());
  }
  return std::move(report_);
}

}  // namespace millrace::pipelines
