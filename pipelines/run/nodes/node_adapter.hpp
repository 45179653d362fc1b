// One node of a running graph: takes packets in, calls its stage, sends packets out, counts everything.
//
// The flow graph behind it only says when and on which thread `execute` runs. Nothing thrown leaves this class.
#pragma once

#include "backpressure/credit_ledger.hpp"
#include "check/graph/validated_graph.hpp"
#include "event_waiter.hpp"
#include "input_joiner.hpp"
#include "node_clock.hpp"
#include "process/stage_mark.hpp"
#include "row_accountant.hpp"
#include "run/report/failed_call.hpp"
#include "run/report/state_sink.hpp"
#include "run/report/stop_state.hpp"

#include <millrace/detail/port_table.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Where a node's calls wait for a thread, first in, first out.
class WorkQueue {
 public:
  virtual ~WorkQueue() = default;
  /// Does not run the work. When it throws, the work may be in the queue all the same.
  virtual void put(Work&& work) = 0;
  /// Work that nobody will take any more, because starting it failed.
  virtual std::vector<Work> take_all() = 0;
};

class RunHistory;

/// What all nodes of a run share.
struct NodeServices {
  StopState& stop;
  CreditLedger& ledger;
  Device& device;
  Allocator& host_memory;  ///< memory of what stays on the host
  EventWaiter& waiter;
  RankInfo ranks = {};
  RunHistory* history = nullptr;           ///< hears of every packet of metrics and every model; null where nobody does
  StateSink* states = nullptr;             ///< takes the states of stages; null where nobody does
  FailedCallSink* failed_calls = nullptr;  ///< hears of calls that throw; null where nobody does
  std::uint32_t epochs = 0;                ///< of the run, if it does not end early
};

class NodeAdapter;
class PortCapture;

/// What is counted of an input; its name and what flows there are in NodeAdapter::input_ports().
struct InputPort {
  const NodeAdapter* from = nullptr;
  std::size_t from_port = 0;
  std::atomic<std::uint64_t> taken{0}, discarded{0}, epochs_ended{0};
};

struct OutputPort {
  struct Target {
    NodeAdapter* node;
    std::size_t port;
  };
  std::vector<Target> targets;
  std::vector<PortCapture*> captures;  ///< who is told of what is emitted; nobody in most runs
  std::atomic<std::uint64_t> emitted{0};
};

class NodeAdapter {
 public:
  NodeAdapter(ValidatedNode& node, const NodeServices& services);
  virtual ~NodeAdapter() = default;
  NodeAdapter(const NodeAdapter&) = delete;
  NodeAdapter& operator=(const NodeAdapter&) = delete;

  /// Makes input `edge` of this node follow an output of `from`. Before the run.
  void connect(const ValidatedEdge& edge, NodeAdapter& from);
  /// `capture`, which outlives this, is told each packet that output `port` gives. Before the run.
  void tell(const std::string& port, PortCapture& capture);
  void set_queue(WorkQueue& queue) { queue_ = &queue; }
  /// The rows that this node takes are accounted for; see RowAccountant. Before the run.
  void account_rows(Communicator* communicator) { accountant_.emplace(communicator); }
  /// Whether calls of the stage may overlap.
  virtual bool is_concurrent() const { return false; }

  /// A packet for an input port. Any thread.
  void arrive(std::size_t port, Packet packet);
  /// Queues a call. Any thread.
  virtual void submit(Work&& work);
  /// The next work of several side by side is taken from the queue: when a later one fails, this one is still done.
  void admit(Work& work) const { work.admitted = !services_.stop.stopping(epoch_of(work)); }
  /// Makes a call; what it throws stops the run.
  virtual void execute(Work& work) noexcept;
  /// After the drain of a stopped run: counts what still waits for its neighbors as discarded.
  void discard_waiting();
  /// After the drain: gives back the leases kept for output packets that never came.
  virtual void release_leases() {}
  /// Loads a state into the stage, which is open: the sink hears of no position up to that of the state.
  void load(const NodeState&);
  /// A source begins its first epoch with this row of it. Before the run.
  virtual void begin_at(std::int64_t /*row*/) {}
  /// After the drain of a run that has not come to its own end: gives the state of a StateKind::resumable stage that has not failed to the
  /// sink, if there is one.
  void save_at_stop() noexcept;
  /// A call that took nothing has thrown: tells who wants to hear of it.
  void tell_failed(const char* call, const std::exception_ptr& thrown) const noexcept;

  const ValidatedNode& node() const { return node_; }
  const std::vector<std::unique_ptr<InputPort>>& inputs() const { return inputs_; }
  const std::vector<std::unique_ptr<OutputPort>>& outputs() const { return outputs_; }
  /// Names and specs of the ports, in the order of inputs() and outputs().
  const PortTable& input_ports() const { return input_ports_; }
  const PortTable& output_ports() const { return output_ports_; }
  std::size_t waiting(std::size_t port) const;
  NodeClock& clock() { return clock_; }
  /// It keeps something that the device works on, or goes on when the device has done something. Any thread.
  bool waits_for_device() const { return device_waits_ > 0; }
  /// Where the call stands that was begun last. Any thread.
  RunPosition position_in_hand() const;
  NodeReport report() const;
  /// For a process that dies of a signal.
  const StagePlace& place() const { return place_; }
  /// The stage's code has left a thread's floating-point settings changed; they were put back.
  std::atomic<bool>& changes_floats() { return changes_floats_; }

  // For the engines of its calls.
  const NodeServices& services() const { return services_; }
  OutTensor allocate(TensorSpec spec, std::int64_t rows) const;
  /// Counts a packet and hands it to every consumer.
  void send(std::size_t port, Packet packet);
  /// Keeps both alive until `event` is done; the first error of the device is this node's failure.
  void keep_until(const Event& event, const Packet& packet, std::span<const Field> fields);

 protected:
  virtual void process(Work& work) = 0;
  /// Several pieces of work in one call of the stage, for adapters that hand `call` more than one.
  virtual void process_all(std::span<Work> works) { process(works.front()); }
  /// Counts the work, calls the stage and drops the work. A failure is told with the first packet.
  void call(std::span<Work> works) noexcept;
  void discard(const Work& work) { count(work, false); }
  /// What cannot be queued is counted as discarded.
  void put(Work&& work);
  /// The work was not done because the run is being stopped.
  virtual void skip(Work& /*work*/) {}
  /// After the drain: work that no call was made for, because starting it failed.
  virtual std::vector<Work> take_waiting();
  /// The current call goes on when `event` is done, as work that resumes; until then no other is made. Serial nodes only.
  void pause(const Work& work, const Event& event);
  bool is_joined() const;
  /// Before a stage that takes one packet at a time has those of a call, and behind the call.
  void take_rows(const Work& work);
  void tell_rows(const Packet& packet);
  /// Between two calls of a stage that takes one at a time: gives its state to the sink where that wants it. `packet` is what it took last.
  void save_behind(const Packet& packet) noexcept;
  /// The same for a source that has sent the last block of an epoch.
  void save_behind_epoch(std::uint32_t epoch) noexcept;
  static std::uint32_t epoch_of(const Work& work);

 private:
  using Position = RunPosition;
  Position position_of(const Work& work) const;
  Position position_of(const PacketHeader& header, std::int64_t rows) const;
  void count(const Work& work, bool taken);
  void keep_back(Work& work) noexcept;
  /// Takes the state of the stage for the sink, and tells it where that fails.
  void give_state(const StatePosition& at) noexcept;
  /// The last of an epoch on every input that carries epochs.
  bool ends_epoch(const PacketHeader& header) const;
  void fail_at(const Position& at, const std::exception_ptr& thrown) noexcept;
  /// The same of a call for `work`, whose inputs are still there.
  void fail_call(const Work& work, const Position& at, const std::exception_ptr& thrown) noexcept;
  void tell_failed(const char* call, const Work& work, const Position& at,
                   const std::exception_ptr& thrown) const noexcept;
  /// What comes in lies in the memory of a device that is not the host.
  bool takes_from_device() const;
  /// This node waits for the device until the last copy of the result is gone.
  std::shared_ptr<const void> begin_device_wait();
  /// No call is to be made for the work: nothing more is done for its epoch, or the stage has failed.
  bool is_given_up(const Work& work);
  bool takes_only_metrics() const;
  /// A sink of nothing but metrics that has not failed itself: while the run is being stopped it still takes them, so that each
  /// epoch that was trained is listed (decision 0041). Every other node discards what arrives then.
  bool listens_when_stopping() const;

  ValidatedNode& node_;
  StagePlace place_;
  NodeServices services_;
  PortTable input_ports_, output_ports_;
  std::vector<std::unique_ptr<InputPort>> inputs_;
  std::vector<std::unique_ptr<OutputPort>> outputs_;
  WorkQueue* queue_ = nullptr;
  mutable std::mutex mutex_;  ///< guards joiner_ and the order in the queue
  std::unique_ptr<InputJoiner> joiner_;
  StatePosition taken_;   ///< of a stage with a state: behind the packet that it took last
  StatePosition loaded_;  ///< of the state that was loaded
  std::optional<RowAccountant> accountant_;
  bool paused_ = false;       ///< a Serial waits for its event; its calls never overlap
  std::deque<Work> backlog_;  ///< what came while it was paused
  NodeClock clock_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint32_t> epoch_in_hand_{0};
  std::atomic<std::int64_t> device_waits_{0};
  std::atomic<bool> told_device_error_{false}, failed_{false}, changes_floats_{false};
};

}  // namespace millrace::pipelines
