// A plugin whose stages misbehave in one way, in one call of one epoch: what runs beside untrusted code are tested with.
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace millrace;

// Not tail calls, and too deep for any stack.
int deep(volatile int* above) {
  volatile int here[1024];
  here[0] = above == nullptr ? 0 : above[0] + 1;
  return here[0] < 0 ? here[0] : deep(here) + here[0];
}

// Not through a null pointer, which a sanitizer would notice before the processor does.
void write_where_nothing_is() {
  void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile int*>(page) = 1;
}

void write_garbage() {
  const std::vector<char> garbage(4096, '\xff');
  for (int i = 0; i < 4; ++i)
    if (write(3, garbage.data(), garbage.size()) < 0) return;
}

// An answer of the right length that speaks of packets nobody has given.
void write_lie() {
  std::string lie(1, '\0');
  const std::uint64_t released = 1, size = sizeof(std::uint64_t) + sizeof(std::uint32_t) + 1;
  const std::uint32_t slot = 77;
  lie.append(reinterpret_cast<const char*>(&released), sizeof released);
  lie.append(reinterpret_cast<const char*>(&slot), sizeof slot);
  if (write(3, &size, sizeof size) < 0 || write(3, lie.data(), lie.size()) < 0) return;
  for (;;) pause();
}

// It holds whatever was open here.
void leave_child() {
  if (fork() == 0)
    for (;;) pause();
}

void await_child() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
}

void misbehave(const std::string& fault) {
  if (fault == "segv") write_where_nothing_is();
  if (fault == "abort") std::abort();
  if (fault == "trap") __builtin_trap();
  if (fault == "overflow") deep(nullptr);
  if (fault == "kill") kill(getpid(), SIGKILL);
  if (fault == "exit") std::exit(0);  // NOLINT(concurrency-mt-unsafe): misbehaves on purpose
  if (fault == "leave") _exit(3);
  if (fault == "leave_well") _exit(0);
  if (fault == "end_thread") pthread_exit(nullptr);
  if (fault == "child") leave_child();
  if (fault == "child_ends") await_child();
  if (fault == "child_and_leave") {
    leave_child();
    _exit(3);
  }
  if (fault == "ignore_children") std::signal(SIGCHLD, SIG_IGN);
  if (fault == "talk") std::puts("a stage talks");
  if (fault == "hang")
    for (;;) pause();
  if (fault == "hang_up") {
    closefrom(3);
    for (;;) pause();
  }
  if (fault == "garbage") write_garbage();
  if (fault == "lie") write_lie();
  if (fault == "throw") throw Error(ErrorKind::data, "planted", "a planted failure", "remove it").add_note("planted");
  if (fault == "throw_exception") throw std::runtime_error("an ordinary one");
  if (fault == "throw_no_memory") throw std::bad_alloc();
  if (fault == "throw_number") throw 7;
}

/// When and how.
class Fault {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.param(Param("fault",
                     T::choice({"none",
                                "segv",
                                "abort",
                                "trap",
                                "overflow",
                                "kill",
                                "exit",
                                "leave",
                                "leave_well",
                                "end_thread",
                                "child",
                                "child_ends",
                                "child_and_leave",
                                "talk",
                                "ignore_children",
                                "drip",
                                "hang",
                                "hang_up",
                                "garbage",
                                "lie",
                                "throw",
                                "throw_exception",
                                "throw_no_memory",
                                "throw_number",
                                "write_input",
                                "wrong_rows",
                                "keep"}),
                     "what goes wrong")
                   .or_default("none"))
        .param(Param("at", T::choice({"work", "construction", "infer", "open", "close", "destruction", "unrun"}),
                     "in which call")
                   .or_default("work"))
        .param(Param("epoch", T::integer().at_least(1), "in which epoch").or_default(2));
  }
  explicit Fault(const ParamValue& params)
      : fault_(params["fault"].text()),
        at_(params["at"].text()),
        epoch_(static_cast<std::uint32_t>(params["epoch"].integer())) {}
  void at(const char* call) const {
    if (at_ == call) misbehave(fault_);
  }
  void in(std::uint32_t epoch) const {
    if (at_ == "work" && epoch == epoch_) misbehave(fault_);
  }
  bool is(const char* fault, std::uint32_t epoch) const { return fault_ == fault && epoch == epoch_; }

 private:
  std::string fault_, at_;
  std::uint32_t epoch_;
};

class FaultyTransform final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Passes rows on until something goes wrong.")
        .input("in", TensorType::any())
        .output("out", TensorType::like("in"))
        .example("faults: {stage: faulty_transform, in: points.x, with: {fault: segv}}");
    Fault::describe(spec);
  }
  explicit FaultyTransform(const ParamValue& params) : fault_(params) { fault_.at("construction"); }
  ~FaultyTransform() override { fault_.at(was_open_ ? "destruction" : "unrun"); }
  void infer(InferContext& ctx) override {
    fault_.at("infer");
    ctx.output("out", ctx.input("in"));
  }
  void open(OpenContext& ctx) override {
    reporter_ = &ctx.reporter();
    was_open_ = true;
    fault_.at("open");
  }
  void close() noexcept override { fault_.at("close"); }

  void process(TransformContext& ctx) const override {
    const Packet& in = ctx.input();
    fault_.in(in.header.epoch);
    if (fault_.is("write_input", in.header.epoch)) std::memset(const_cast<std::byte*>(in.tensor().bytes()), 0, 1);
    if (fault_.is("keep", in.header.epoch)) keep(in);
    if (fault_.is("drip", in.header.epoch)) drip();
    if (fault_.is("wrong_rows", in.header.epoch)) return ctx.emit("out", in.tensor().slice(0, in.rows - 1));
    ctx.emit("out", in.fields);
  }

 private:
  // Says something now and then, and never comes to an end.
  void drip() const {
    for (;;) {
      reporter_->print("drip\n");
      usleep(20'000);
    }
  }
  void keep(const Packet& packet) const {
    const std::lock_guard lock(mutex_);  // several threads are in `process`
    kept_.push_back(packet);
  }

  Fault fault_;
  RunReporter* reporter_ = nullptr;
  bool was_open_ = false;
  mutable std::mutex mutex_;
  mutable std::vector<Packet> kept_;
};

class FaultySource final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Counts to twelve until something goes wrong.")
        .output("out", TensorType::of({DType::i32}).scalar())
        .example("faults: {stage: faulty_source, with: {fault: segv}}");
    Fault::describe(spec);
  }
  explicit FaultySource(const ParamValue& params) : fault_(params) {}
  void infer(InferContext& ctx) override {
    ctx.output("out", PortSpec::single(TensorSpec{DType::i32, {}, {}, {}, {}}, 12, 4));
  }
  void begin_epoch(std::uint32_t) override { at_ = 0; }
  void produce(SourceContext& ctx) override {
    if (at_ == 4) fault_.in(ctx.epoch());
    OutTensor out = ctx.allocate(ctx.output("out").only(), 4);
    std::iota(out.values<std::int32_t>().begin(), out.values<std::int32_t>().end(), at_);
    std::vector<std::uint64_t> ids(4);
    std::iota(ids.begin(), ids.end(), static_cast<std::uint64_t>(at_));
    at_ += 4;
    ctx.emit("out", OutputPacket::tensor(std::move(out).freeze(),
                                         std::make_shared<const std::vector<std::uint64_t>>(std::move(ids)),
                                         static_cast<std::uint64_t>(at_ - 4), at_ == 12));
  }

 private:
  Fault fault_;
  std::int32_t at_ = 0;
};

/// Sums up what it has seen, so it has a state.
class FaultySerial final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Emits running sums until something goes wrong.")
        .input("in", TensorType::of({DType::i32}).scalar())
        .output("out", TensorType::of({DType::i32}).scalar())
        .state(StateKind::checkpointable)
        .example("faults: {stage: faulty_serial, in: points, with: {fault: segv}}");
    Fault::describe(spec);
  }
  explicit FaultySerial(const ParamValue& params) : fault_(params) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void open(OpenContext& ctx) override { reporter_ = &ctx.reporter(); }

  void process(SerialContext& ctx) override {
    const Packet& in = ctx.input();
    fault_.in(in.header.epoch);
    OutTensor out = ctx.allocate(ctx.output("out").only(), in.rows);
    const auto values = in.tensor().stored<std::int32_t>();
    for (std::size_t i = 0; i < values.size(); ++i) out.values<std::int32_t>()[i] = sum_ += values[i];
    if (in.header.last_in_epoch) tell(in.header.epoch);
    ctx.emit("out",
             OutputPacket::tensor(std::move(out).freeze(), in.ids, in.header.first_row, in.header.last_in_epoch));
  }

  void save(StageState& state) const override { state.put("sum", std::as_bytes(std::span(&sum_, 1))); }
  void load(const StageState& state) override { std::memcpy(&sum_, state.get("sum").data(), sizeof sum_); }

 private:
  void tell(std::uint32_t epoch) {
    Metrics metrics;
    metrics.epoch = epoch;
    metrics.set("sum", sum_);
    reporter_->epoch_metrics(metrics);
    reporter_->print("sum " + std::to_string(sum_) + "\n");
    reporter_->warn("large-sum", "the sum is " + std::to_string(sum_), "add less");
  }

  Fault fault_;
  RunReporter* reporter_ = nullptr;
  std::int32_t sum_ = 0;
};

MILLRACE_REGISTER_STAGE("faulty_transform", FaultyTransform);
MILLRACE_REGISTER_STAGE("faulty_source", FaultySource);
MILLRACE_REGISTER_STAGE("faulty_serial", FaultySerial);

}  // namespace

MILLRACE_PLUGIN("faults", "1.0.0", "Apache-2.0");
