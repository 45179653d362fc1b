// One node of a running graph: what its three kinds have in common.
#include "node_adapter.hpp"

#include "check/graph/node_place.hpp"
#include "port_capture.hpp"
#include "run/report/run_history.hpp"

#include <millrace/error.hpp>
#include <millrace/float_environment.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {

namespace {

std::string advice_text(const ValidatedNode& node) {
  if (!node.can_be_isolated) return "";
  return fmt::format("run it with `--set {}.isolate=process` to keep the rest of the run", node.run_path);
}

}  // namespace

NodeAdapter::NodeAdapter(ValidatedNode& node, const NodeServices& services)
    : node_(node),
      place_(place_of(node, advice_text(node))),
      services_(services),
      input_ports_(PortDirection::input, node.name),
      output_ports_(PortDirection::output, node.name) {
  for (const ValidatedEdge& edge : node.inputs) {
    input_ports_.add(edge.port);
    inputs_.push_back(std::make_unique<InputPort>());
  }
  for (const auto& [name, spec] : node.outputs) {
    output_ports_.add(name, spec);
    outputs_.push_back(std::make_unique<OutputPort>());
  }
  joiner_ = std::make_unique<InputJoiner>(node.info->spec.input_mode(), inputs_.size(),
                                          WaitOrder(node.info->spec, input_ports_.names()));
}

void NodeAdapter::connect(const ValidatedEdge& edge, NodeAdapter& from) {
  const std::size_t port = input_ports_.index_of(edge.port);
  const std::size_t from_port = from.output_ports_.index_of(edge.from_port);
  inputs_[port]->from = &from;
  inputs_[port]->from_port = from_port;
  input_ports_.spec(port) = from.output_ports_.spec(from_port);
  from.outputs_[from_port]->targets.push_back({this, port});
}

void NodeAdapter::tell(const std::string& port, PortCapture& capture) {
  outputs_[output_ports_.index_of(port)]->captures.push_back(&capture);
}

bool NodeAdapter::is_joined() const { return node_.info->spec.input_mode() == InputMode::joined; }

// Work is queued under the lock, so that the queue has the order of the joiner.
void NodeAdapter::arrive(std::size_t port, Packet packet) {
  if (services_.stop.stopping(packet.header.epoch) && !listens_when_stopping()) {
    ++inputs_[port]->discarded;
    return;
  }
  const std::lock_guard lock(mutex_);
  try {
    joiner_->add(port, std::move(packet));
  } catch (...) {
    ++inputs_[port]->discarded;
    throw;
  }
  while (auto work = joiner_->next()) submit(std::move(*work));
}

void NodeAdapter::submit(Work&& work) {
  clock_.ready();
  put(std::move(work));
}

void NodeAdapter::put(Work&& work) {
  try {
    queue_->put(std::move(work));
  } catch (...) {
    count(work, false);  // has no inputs any more if the queue has taken it
    throw;
  }
}

void NodeAdapter::execute(Work& work) noexcept {
  if (paused_ && !work.resumes) return keep_back(work);
  if (work.resumes) paused_ = false;
  call({&work, 1});
  while (!paused_ && !backlog_.empty()) {
    Work next = std::move(backlog_.front());
    backlog_.pop_front();
    call({&next, 1});
  }
}

void NodeAdapter::keep_back(Work& work) noexcept {
  try {
    backlog_.push_back(std::move(work));
  } catch (...) {
    count(work, false);
    fail_at(position_of(work), std::current_exception());
  }
}

void NodeAdapter::pause(const Work& work, const Event& event) {
  auto rest = std::make_shared<Work>(work);
  rest->resumes = true;
  const Position at = position_of(work);
  std::shared_ptr<const void> wait = begin_device_wait();
  paused_ = true;
  services_.waiter.call(
      event,
      [this, rest, at, wait = std::move(wait)]() mutable {
        wait.reset();
        clock_.ready();
        try {
          queue_->put(std::move(*rest));
        } catch (...) {
          fail_at(at, std::current_exception());
        }
      },
      [this, at](const std::exception_ptr& thrown) {
        // What was kept for the same work has told it already.
        if (!services_.stop.stopping(at.epoch)) fail_at(at, thrown);
      });
}

void NodeAdapter::call(std::span<Work> works) noexcept {
  const NodeClock::Time began = clock_.begin(works.size());
  const bool stopped = is_given_up(works.front());
  for (const Work& work : works)
    if (!work.resumes) count(work, !stopped);
  try {
    if (stopped) {
      for (Work& work : works) skip(work);
    } else {
      const Position at = position_of(works.front());
      epoch_in_hand_.store(at.epoch, std::memory_order_relaxed);
      const StageMark mark(place_, at.epoch, at.packet);
      const FloatGuard guard(&changes_floats_);
      process_all(works);
    }
  } catch (const PacketError& error) {
    const auto own = std::find_if(works.begin(), works.end(), [&](const Work& work) {
      return !work.inputs.empty() && work.inputs[work.port].header.seq == error.header().seq;
    });
    const Position at = position_of(error.header(), error.rows());
    if (own == works.end())
      fail_at(at, std::current_exception());
    else
      fail_call(*own, at, std::current_exception());
  } catch (...) {
    fail_call(works.front(), position_of(works.front()), std::current_exception());
  }
  clock_.finish(began);
  for (Work& work : works) {
    work.inputs.clear();  // the queue may keep the work longer than the packets may live
    work.credit = {};
  }
}

void NodeAdapter::count(const Work& work, bool taken) {
  if (taken) ++calls_;
  for (std::size_t i = 0; i < work.inputs.size(); ++i) {
    if (!is_joined() && i != work.port) continue;
    InputPort& port = *inputs_[i];
    ++(taken ? port.taken : port.discarded);
    if (taken && work.inputs[i].header.last_in_epoch) ++port.epochs_ended;
  }
}

std::uint32_t NodeAdapter::epoch_of(const Work& work) {
  return work.inputs.empty() ? work.credit.epoch : work.inputs[work.port].header.epoch;
}

// A stage with a state is not called again when it has failed: nobody knows what it would make of an earlier epoch.
bool NodeAdapter::is_given_up(const Work& work) {
  const std::uint32_t epoch = epoch_of(work);
  const bool is_called_again = !failed_ || node_.info->kind == StageKind::transform;
  if (services_.stop.stopping(epoch)) return !is_called_again || (!work.admitted && !listens_when_stopping());
  if (is_called_again) return false;
  if (!takes_only_metrics()) services_.stop.give_up(epoch);
  return true;
}

NodeAdapter::Position NodeAdapter::position_of(const Work& work) const {
  if (work.inputs.empty()) return {work.credit.epoch, calls_ - std::min<std::uint64_t>(calls_, 1), 0};
  const Packet& packet = work.inputs[work.port];
  return position_of(packet.header, packet.rows);
}

// Batches are cut at positions of the whole epoch, so the first row tells which one it is, on every rank.
NodeAdapter::Position NodeAdapter::position_of(const PacketHeader& header, std::int64_t rows) const {
  const bool is_batch = node_.batch_rows > 0 && rows > 0;
  const auto batch_rows = static_cast<std::uint64_t>(node_.batch_rows);
  return {header.epoch, header.seq, is_batch ? header.first_row / batch_rows + 1 : 0};
}

bool NodeAdapter::listens_when_stopping() const { return !failed_ && takes_only_metrics(); }

bool NodeAdapter::takes_only_metrics() const {
  if (!outputs_.empty()) return false;
  for (std::size_t port = 0; port < inputs_.size(); ++port)
    if (input_ports_.spec(port).kind != PortKind::metrics) return false;
  return true;
}

void NodeAdapter::fail_at(const Position& at, const std::exception_ptr& thrown) noexcept {
  failed_ = true;
  services_.stop.fail(thrown, &node_, at);
}

// The run hears of it first: keeping what the call was given may take a while.
void NodeAdapter::fail_call(const Work& work, const Position& at, const std::exception_ptr& thrown) noexcept {
  fail_at(at, thrown);
  tell_failed(node_.info->kind == StageKind::source ? "produce" : "process", work, at, thrown);
}

void NodeAdapter::tell_failed(const char* call, const std::exception_ptr& thrown) const noexcept {
  tell_failed(call, {}, {}, thrown);
}

void NodeAdapter::tell_failed(const char* call, const Work& work, const Position& at,
                              const std::exception_ptr& thrown) const noexcept {
  if (services_.failed_calls == nullptr) return;
  try {
    RunFailure failure = failure_of(node_, thrown);
    failure.epoch = at.epoch;
    failure.packet = at.packet;
    failure.batch = at.batch;
    if (failure.name == "canceled" && services_.stop.stopping()) return;
    services_.failed_calls->failed({node_, failure, call, input_ports_, work.inputs, takes_from_device()});
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory for the words; the run has them
  }
}

bool NodeAdapter::takes_from_device() const {
  if (services_.device.is_host()) return false;
  return std::any_of(inputs_.begin(), inputs_.end(), [](const auto& port) {
    return port->from != nullptr && port->from->node().info->spec.does_copy_to_device();
  });
}

void NodeAdapter::keep_until(const Event& event, const Packet& packet, std::span<const Field> fields) {
  if (!event.state()) return;
  struct Kept {
    Packet packet;
    std::vector<Field> fields;
    std::shared_ptr<const void> wait;
  };
  auto kept = std::make_shared<Kept>(Kept{packet, {fields.begin(), fields.end()}, begin_device_wait()});
  services_.waiter.keep(event, std::move(kept),
                        // Everything behind the first error fails with it: a line a packet would bury the others.
                        [this, at = position_of(packet.header, packet.rows)](const std::exception_ptr& thrown) {
                          if (!told_device_error_.exchange(true)) fail_at(at, thrown);
                        });
}

std::shared_ptr<const void> NodeAdapter::begin_device_wait() {
  ++device_waits_;
  return {this, [this](const void*) { --device_waits_; }};
}

void NodeAdapter::discard_waiting() {
  for (const Work& work : take_waiting())
    if (!work.resumes) count(work, false);
  std::vector<Packet> dropped;  // before the lock, so that its leases end after it
  const std::lock_guard lock(mutex_);
  for (std::size_t port = 0; port < inputs_.size(); ++port) inputs_[port]->discarded += joiner_->waiting(port);
  dropped = joiner_->clear();
}

std::vector<Work> NodeAdapter::take_waiting() {
  std::vector<Work> works = queue_ != nullptr ? queue_->take_all() : std::vector<Work>();
  for (Work& work : backlog_) works.push_back(std::move(work));
  backlog_.clear();
  return works;
}

std::size_t NodeAdapter::waiting(std::size_t port) const {
  const std::lock_guard lock(mutex_);
  return joiner_->waiting(port);
}

void NodeAdapter::send(std::size_t port, Packet packet) {
  OutputPort& out = *outputs_[port];
  if (services_.history != nullptr) {
    if (packet.model && output_ports_.spec(port).kind == PortKind::model)
      services_.history->model(node_.name, packet.header.epoch, packet.model);
    if (packet.metrics) services_.history->port_metrics(node_.name, output_ports_.name(port), *packet.metrics);
  }
  for (PortCapture* capture : out.captures) capture->take(packet);
  ++out.emitted;
  if (out.targets.empty()) return;
  std::size_t i = 0;
  try {
    for (; i + 1 < out.targets.size(); ++i) out.targets[i].node->arrive(out.targets[i].port, packet);
    out.targets[i].node->arrive(out.targets[i].port, std::move(packet));
  } catch (...) {  // those behind it get nothing any more
    while (++i < out.targets.size()) ++out.targets[i].node->inputs_[out.targets[i].port]->discarded;
    throw;
  }
}

OutTensor NodeAdapter::allocate(TensorSpec spec, std::int64_t rows) const {
  Allocator& memory = node_.info->spec.does_copy_to_device() ? services_.device.memory()
                      : node_.feeds_device                   ? services_.device.staging()
                                                             : services_.host_memory;
  return OutTensor(std::move(spec), rows, memory);
}

bool NodeAdapter::ends_epoch(const PacketHeader& header) const {
  if (!header.last_in_epoch) return false;
  const std::uint64_t ended = header.epoch - services_.ledger.first_epoch() + 1;
  return is_joined() ||
         std::all_of(inputs_.begin(), inputs_.end(), [&](const auto& port) { return port->epochs_ended >= ended; });
}

void NodeAdapter::load(const NodeState& loaded) {
  if (auto* serial = dynamic_cast<Serial*>(node_.stage.get())) serial->load(loaded.state);
  if (auto* source = dynamic_cast<Source*>(node_.stage.get())) source->load(loaded.state);
  loaded_ = loaded.position;
  if (accountant_) accountant_->load(loaded.rows, loaded.position.epoch);
}

void NodeAdapter::take_rows(const Work& work) {
  if (accountant_) accountant_->take(work.inputs);
}

void NodeAdapter::tell_rows(const Packet& packet) {
  if (!accountant_ || services_.history == nullptr || packet.fields.empty() || !packet.header.last_in_epoch) return;
  if (const auto account = accountant_->whole()) services_.history->rows_taken(node_.name, *account);
}

void NodeAdapter::save_behind(const Packet& packet) noexcept {
  const StateKind kind = node_.info->spec.state();
  if (services_.states == nullptr || kind == StateKind::stateless || kind == StateKind::volatile_) return;
  taken_ = {packet.header.epoch, position_of(packet.header, packet.rows).batch,
            packet.header.first_row + static_cast<std::uint64_t>(packet.rows), ends_epoch(packet.header)};
  const bool comes_again = taken_.epoch == loaded_.epoch && taken_.row <= loaded_.row;
  const bool may_be_wanted = kind == StateKind::resumable && !comes_again;
  if (taken_.is_epoch_end || (may_be_wanted && services_.states->wants(node_.name, taken_))) give_state(taken_);
}

void NodeAdapter::save_behind_epoch(std::uint32_t epoch) noexcept {
  if (services_.states == nullptr || node_.info->spec.state() != StateKind::checkpointable) return;
  give_state({epoch, 0, 0, true});
}

void NodeAdapter::save_at_stop() noexcept {
  if (services_.states == nullptr || node_.info->spec.state() != StateKind::resumable || failed_) return;
  // Packets of before the state that was loaded may still be coming again: that state is not lost.
  const bool is_new = taken_.epoch != loaded_.epoch || taken_.row > loaded_.row;
  if (taken_.epoch > 0 && !taken_.is_epoch_end && is_new) give_state(taken_);
}

// A state that cannot be taken is no failure of the run: whoever keeps states decides that.
void NodeAdapter::give_state(const StatePosition& at) noexcept {
  try {
    NodeState copy{node_.name, at, {}};
    if (const std::uint32_t last = services_.ledger.last_epoch(); last < services_.epochs) copy.last_epoch = last;
    if (const auto* serial = dynamic_cast<const Serial*>(node_.stage.get())) serial->save(copy.state);
    if (const auto* source = dynamic_cast<const Source*>(node_.stage.get())) source->save(copy.state);
    if (accountant_) copy.rows = accountant_->saved();
    services_.states->take(std::move(copy));
  } catch (...) {
    services_.states->failed(node_.name, at, describe_exception(std::current_exception()).message);
  }
}

RunPosition NodeAdapter::position_in_hand() const {
  return {epoch_in_hand_.load(std::memory_order_relaxed), calls_ - std::min<std::uint64_t>(calls_, 1), 0};
}

NodeReport NodeAdapter::report() const {
  const NodeClock::Sums sums = clock_.sums();
  const bool is_source = node_.info->kind == StageKind::source;
  NodeReport report;
  report.name = node_.name;
  report.stage = node_.info->name;
  report.busy = sums.busy;
  report.starved = is_source ? 0 : sums.idle;  // an idle source waits for those behind it
  report.blocked = sums.waiting + (is_source ? sums.idle : 0);
  report.packets = calls_;
  for (const auto& port : outputs_) report.emitted += port->emitted;
  for (const auto& port : inputs_) report.discarded += port->discarded;
  return report;
}

}  // namespace millrace::pipelines
