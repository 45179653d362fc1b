// Builds the nodes, opens the stages in order, closes them in reverse, and attributes leases that come back to the stage that kept them.
#include "run.hpp"

#include "backpressure/source_budgets.hpp"
#include "check/graph/node_place.hpp"
#include "first_rows.hpp"
#include "isolation/float_warning.hpp"
#include "isolation/isolated_stage.hpp"
#include "packet_counts.hpp"
#include "run/nodes/make_adapter.hpp"
#include "run/report/early_stops.hpp"
#include "run_failures.hpp"
#include "work_check.hpp"

#include <millrace/detail/counted.hpp>
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

}  // namespace

Run::Run(ValidatedGraph& graph, const RunOptions& options)
    : graph_(graph),
      peers_(options.peers),
      at_work_(options.at_work),
      began_(std::chrono::steady_clock::now()),
      // A rank that stopped alone would leave the others waiting in a sum.
      stop_(peers_ != nullptr && communicating_nodes(graph) > 0 ? &peers_->agreed_stop() : options.stop_signal),
      observer_(options.observer),
      history_(node_names(graph), graph.reported, &observer_, began_),
      device_timeout_(options.device_timeout),
      worker_program_(options.worker_program),
      strict_(options.strict),
      states_(options.states),
      failed_calls_(options.failed_calls),
      loaded_(options.loaded),
      earlier_epochs_(options.earlier_epochs),
      earlier_model_(options.earlier_model),
      captures_(options.captures, stop_),
      on_hung_(options.on_hung) {
  if (peers_ != nullptr) stop_.end_all_at_once();  // the others hear of it now, and wait for nobody
  stop_.set_listener([this](const RunFailure& failure) {
    if (peers_ == nullptr) return tell_ending(failure);
    if (failure.name != "peer-lost") peers_->failed(text_for_peers(failure));
  });
}

// An observer that throws here throws again where it is told of an epoch.
void Run::tell_ending(const RunFailure& failure) {
  if (failure.epoch == 0 || ledger_->ends_told() >= failure.epoch || is_ending_told_.exchange(true)) return;
  try {
    history_.ending(failure);
  } catch (...) {
  }
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
    stop_.fail(std::current_exception());
  }
}

RunReport Run::execute() {
  guarded(&Run::open_device);
  if (memory_) guarded(&Run::make_flow);
  if (!flow_) return take_report();
  guarded(&Run::live);
  guarded(&Run::tell_changed_floats);
  if (at_work_ != nullptr) at_work_->follow(nullptr);
  watch_.reset();
  waiter_.reset();
  flow_.reset();
  for (const auto& node : nodes_) report_.nodes.push_back(node->report());
  nodes_.clear();
  measure_memory();
  guarded(&Run::finish_with_peers);
  return take_report();
}

void Run::make_flow() { flow_ = std::make_unique<FlowGraph>(threads()); }

void Run::live() {
  flow_->execute([this] {
    guarded(&Run::build);
    if (!stop_.stopping()) guarded(&Run::watch_calls);
    if (!stop_.stopping()) guarded(&Run::open_stages);
    if (!stop_.stopping()) guarded(&Run::flow);
    guarded(&Run::tell_rest);
    if (ledger_) guarded(&Run::close_stages);
  });
}

void Run::open_device() {
  device_ = millrace::open_device(graph_.device.id);
  memory_ = std::make_unique<RunMemory>(*device_);
}

// What infer has said stays; the stage that said it makes room for one that does its work elsewhere. It is kept: its destructor may
// crash, and by the end of the graph the run's results are told.
void Run::isolate_stages() {
  for (ValidatedNode& node : graph_.nodes) {
    if (!node.isolated) continue;
    Isolation isolation{node.info, node.params, node.outputs, worker_program_, node.call_timeout, {}};
    for (const NodeSeed& seed : node.seeds) isolation.seeds.emplace_back(seed.purpose, seed.seed);
    isolation.fail = [this, &node](const std::exception_ptr& thrown) { stop_.fail(thrown, &node); };
    node.asked = std::move(node.stage);
    node.stage = make_isolated_stage(std::move(isolation));
  }
}

void Run::build() {
  kept_.resize(graph_.nodes.size());
  isolate_stages();
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    if (graph_.nodes[i].info->kind == StageKind::source) sources_.push_back(i);
  LedgerHooks hooks;
  hooks.start = [this](Credit credit) {
    Work work;
    work.credit = std::move(credit);
    NodeAdapter& node = *nodes_[sources_[work.credit.source]];
    node.submit(std::move(work));
  };
  hooks.stopping = [this](std::uint32_t epoch) { return stop_.stopping(epoch); };
  hooks.failed = [this](const std::exception_ptr& thrown) { stop_.fail(thrown); };
  hooks.epoch_ended = [this](std::uint32_t epoch) {
    try {
      tell_busy();
      history_.epoch_ended(epoch);
    } catch (...) {  // an observer's; this may be the end of a packet, where nothing may be thrown
      stop_.fail(std::current_exception());
    }
  };
  ledger_ = CreditLedger::make(
      source_budgets(graph_, sources_),
      EpochGate(graph_.first_epoch, std::min(graph_.epochs, graph_.last_epoch), graph_.epochs_ahead, sources_.size()),
      std::move(hooks));
  WaiterHooks wait_hooks;
  wait_hooks.reserve = [this] { flow_->reserve(); };
  wait_hooks.release = [this] { flow_->release(); };
  wait_hooks.give_up = [this] { device_->abandon(); };
  waiter_ = std::make_unique<EventWaiter>(device_timeout_, std::move(wait_hooks));
  const NodeServices services{stop_,        *ledger_,  *device_, memory_->host(), *waiter_,
                              graph_.ranks, &history_, states_,  failed_calls_,   graph_.epochs};
  for (ValidatedNode& node : graph_.nodes) {
    nodes_.push_back(make_adapter(node, services));
    contexts_.push_back(std::make_unique<StageContext>(graph_, *nodes_.back(), history_, peers_, strict_));
    for (const ValidatedEdge& edge : node.inputs) nodes_.back()->connect(edge, *nodes_[edge.from_node]);
  }
  captures_.attach(graph_, nodes_);
  place_sources(graph_, loaded_, nodes_);
  flow_->build(nodes_);
  if (at_work_ != nullptr) at_work_->follow([this] { return work_in_hand(); });
}

PendingWork Run::work_in_hand() const {
  PendingWork work;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->clock().is_running() || opening_or_closing_ == i)
      work.called.push_back(graph_.nodes[i].name);
    else if (nodes_[i]->waits_for_device())
      work.on_device.push_back(graph_.nodes[i].name);
  }
  return work;
}

// A stage in a process of its own has a limit already, and can be ended.
void Run::watch_calls() {
  std::vector<WatchedNode> watched;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    watched.push_back(
        {graph_.nodes[i].isolated ? std::chrono::milliseconds(0) : graph_.nodes[i].call_timeout, [this, i] {
           CallLook look = nodes_[i]->clock().look();
           look.in_call = look.in_call || opening_or_closing_ == i;
           return look;
         }});
  watch_ = std::make_unique<CallWatch>(
      std::move(watched), [this] { return observer_.is_being_told(); }, [this](std::size_t node) { tell_hung(node); });
}

// A stage that opens or closes is in no epoch, and takes none of those that have ended out of the report.
RunPosition Run::position_of_call(std::size_t node) const {
  return opening_or_closing_ == node ? RunPosition{} : nodes_[node]->position_in_hand();
}

void Run::tell_hung(std::size_t node) {
  if (on_hung_) is_ending_told_ = true;  // it is over now: nobody waits for the epochs before
  try {
    stop_.fail(hung_stage(graph_, node, position_of_call(node)));
  } catch (...) {
    stop_.fail(std::current_exception(), &graph_.nodes[node]);
  }
  if (!on_hung_) return;
  guarded(&Run::tell_rest);
  on_hung_(report_so_far());
}

// That of a run that has ended, as far as others have come. What only the end can say is missing: what was leaked, and the
// device's account, for which the device might have to be waited for.
RunReport Run::report_so_far() {
  RunReport report;
  report.exit_code = static_cast<int>(ErrorKind::stalled);
  report.reason = "stalled";
  report.leaked_bytes.reset();
  try {
    for (const auto& adapter : nodes_) report.nodes.push_back(adapter->report());
    report.widened = widened_budgets(graph_, sources_, *ledger_);
    memory_->measure_peaks(report);
    conclude(report, cut());
  } catch (...) {
    stop_.fail(std::current_exception());
  }
  return report;
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
      load_state(i);
    } catch (...) {
      stop_.fail(std::current_exception(), &graph_.nodes[i]);
      nodes_[i]->tell_failed("open", std::current_exception());
    }
    opening_or_closing_ = SIZE_MAX;
    if (stop_.stopping()) return;
  }
}

void Run::load_state(std::size_t node) {
  for (const NodeState& loaded : loaded_)
    if (loaded.node == graph_.nodes[node].name) nodes_[node]->load(loaded);
}

void Run::flow() {
  for (const auto& node : nodes_) node->clock().open();
  ledger_->start();
  do flow_->wait();
  while (ledger_->widen());
  ledger_->close();
  flow_->wait();  // a credit may have been handed out while the ledger was closing
  for (const auto& node : nodes_) node->clock().close();
  account();
}

// In this order: credits are counted before any comes back, and a stopped run discards before edges are compared.
void Run::account() {
  stopped_ = stop_.stopped();
  ended_ = ledger_->ends_told();
  source_counts_ = count_sources(graph_, sources_, *ledger_);
  epochs_ = ledger_->last_epoch() - ledger_->first_epoch() + 1;
  report_.widened = widened_budgets(graph_, sources_, *ledger_);
  const bool cut_short = stopped_ || is_unfinished(source_counts_, epochs_);
  if (cut_short) discard_waiting();
  for (const RunFailure& failure : check_edges(count_edges(nodes_), epochs_, cut_short)) stop_.fail(failure);
  discard_waiting();
  if (cut_short || stop_.stopped()) return;
  for (const RunFailure& failure : check_work(graph_, history_, ledger_->first_epoch(), ledger_->last_epoch()))
    stop_.fail(failure);
}

void Run::discard_waiting() {
  for (const auto& node : nodes_) {
    node->discard_waiting();
    node->release_leases();
  }
}

// Ranks do not stop behind the same batch's sums, so that one's alone would be no state of the run.
void Run::save_at_stop() {
  if (!stopped_ || peers_ != nullptr) return;
  for (const std::size_t node : opened_) nodes_[node]->save_at_stop();
}

// Leases that come back while a stage closes or goes were kept by that stage. After a stop, leases still out are no error.
void Run::close_stages() {
  stopped_ = stopped_ || stop_.stopped();
  save_at_stop();
  const auto let_go = [&](std::size_t node, const auto& how) {
    const std::size_t before = ledger_->outstanding();
    const StageMark mark(nodes_[node]->place(), "while it closes");
    const FloatGuard guard(&nodes_[node]->changes_floats());
    opening_or_closing_ = node;
    how(*graph_.nodes[node].stage);
    opening_or_closing_ = SIZE_MAX;
    kept_[node] += before - std::min(before, ledger_->outstanding());
  };
  for (auto it = opened_.rbegin(); it != opened_.rend(); ++it) let_go(*it, [](Stage& stage) { stage.close(); });
  for (std::size_t i = nodes_.size(); i-- > 0;) let_go(i, [&](Stage&) { graph_.nodes[i].stage.reset(); });
  if (stopped_) return;
  std::vector<KeptCount> counts;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const ValidatedNode& node = graph_.nodes[i];
    if (kept_[i] != 0) counts.push_back({node.name, node.info->name, node.where, kept_[i]});
  }
  for (const RunFailure& failure : check_ends(source_counts_, counts, ledger_->outstanding(), epochs_))
    stop_.fail(failure);
}

void Run::tell_changed_floats() {
  for (std::size_t i = 0; i < contexts_.size(); ++i)
    if (nodes_[i]->changes_floats()) warn_of_changed_floats(*contexts_[i]);
}

void Run::measure_memory() {
  report_.device_times = device_->times();
  memory_->measure_peaks(report_);
  report_.leaked_bytes = memory_->live_bytes();
  if (*report_.leaked_bytes > 0 && !stopped_) stop_.fail(leaked_memory(*report_.leaked_bytes));
}

// A device that has failed fails everybody who waits for it, in any epoch; which of them shows why is not known here.
std::vector<RunFailure> Run::first_failures() const {
  const bool is_device = device_ && !device_->is_host();
  return first_of_transforms(graph_, is_device ? stop_.failures() : of_first_epoch(stop_.failures()));
}

// Other processes end at once, and so at epochs of their own. An epoch that ends only because a stage that kept a packet is
// taken down has not ended.
EpochCut Run::cut() const {
  const std::vector<RunFailure> failures = stop_.failures();
  if (failures.empty() || peers_ != nullptr || !ledger_) return {};
  return cut_of(graph_, failures, std::min<std::uint64_t>(ended_, ledger_->ends_told()));
}

void Run::conclude(RunReport& report, const EpochCut& cut) const {
  report.epochs = earlier_epochs_;
  for (Metrics& epoch : history_.epochs(cut)) report.epochs.push_back(std::move(epoch));
  report.models = history_.models(cut);
  if (earlier_model_) add_earlier_models(graph_, earlier_model_, report);
  take_single_model(graph_, report);
  report.failures = first_failures();
  for (RunFailure& failure : report.failures)
    if (failure.kind == ErrorKind::diverged) add_kept_notes(graph_, cut, report.models, failure);
  report.warnings = history_.warnings();
  report.seconds = seconds_since(began_);
  report.first_batch_seconds = history_.first_step_seconds();
  if (!report.failures.empty()) {
    report.exit_code = static_cast<int>(report.failures.front().kind);
    report.reason = report.failures.front().kind == ErrorKind::stalled ? "stalled" : "failed";
  } else if (stop_.signal() != 0) {
    report.exit_code = 128 + stop_.signal();
    report.reason = fmt::format("signal {}", stop_.signal());
  }
  add_early_stops(graph_, history_.best_epochs(), report);
}

RunReport Run::take_report() {
  conclude(report_, cut());
  return std::move(report_);
}

}  // namespace millrace::pipelines
