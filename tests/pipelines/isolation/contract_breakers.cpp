// A plugin whose stages break the contract of a stage, each in the way that its parameter `how` names.
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace millrace;

TensorSpec numbers(DType dtype = DType::i32, RowShape row_shape = {}) {
  return {dtype, std::move(row_shape), {}, {}, {}};
}

SampleIds ids_of(std::int64_t rows, std::uint64_t first = 0) {
  auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows));
  std::iota(ids->begin(), ids->end(), first);
  return ids;
}

OutputPacket zeros(WorkContext& ctx, const TensorSpec& spec, std::int64_t rows, std::uint64_t first, bool last) {
  OutTensor out = ctx.allocate(spec, rows);
  std::fill_n(reinterpret_cast<char*>(out.bytes()), static_cast<std::size_t>(rows) * spec.stored_row_bytes(), 0);
  return OutputPacket::tensor(std::move(out).freeze(), ids_of(rows, first), first, last);
}

OutputPacket without_tensor(std::int64_t rows) {
  OutputPacket output_packet;
  output_packet.fields.push_back({std::string(kValueField), Tensor()});
  output_packet.ids = ids_of(rows);
  return output_packet;
}

void describe_fault(StageDescriptor& spec, const char* name) {
  spec.summary("Breaks its contract.");
  spec.example(std::string("x: {stage: ") + name + ", in: a.x, with: {how: well}}");
  spec.param(Param("how", ParamType::text(), "What it does wrong.").or_default("well"));
}

/// What every kind may do wrong outside of its calls.
template <class Kind>
class Breaker : public Kind {
 public:
  explicit Breaker(const ParamValue& params) : how_(params["how"].text()) {
    if (how_ == "constructor_throws") throw std::runtime_error("no");
  }
  void open(OpenContext&) override {
    if (how_ == "open_throws") throw std::runtime_error("no");
  }

 protected:
  void infer_output(InferContext& ctx, const char* port, PortSpec spec) const {
    if (how_ == "infer_throws") throw std::runtime_error("no");
    if (how_ == "unset") return;
    if (how_ == "sets_unknown") ctx.output("nowhere", spec);
    ctx.output(port, std::move(spec));
  }
  void throw_something() const {
    if (how_ == "throws_error") throw Error(ErrorKind::run, "its-own-name", "as it was asked to");
    if (how_ == "throws_exception") throw std::runtime_error("as it was asked to");
    if (how_ == "throws_number") throw 3;  // NOLINT(hicpp-exception-baseclass): what nobody should throw
    if (how_ == "throws_no_memory") throw std::bad_alloc();
    if (how_ == "throws_no_files") throw std::system_error(EMFILE, std::generic_category());
    if (how_ == "throws_no_thread") throw std::system_error(EAGAIN, std::generic_category());
    if (how_ == "throws_other_code") throw std::system_error(EPERM, std::generic_category());
  }
  const std::string how_;
};

/// Two outputs, two blocks of four rows an epoch.
class BreakingSource final : public Breaker<Source> {
 public:
  static void describe(StageDescriptor& spec) {
    describe_fault(spec, "breaks_source");
    spec.output("x", TensorType::of({DType::i32}).scalar()).output("y", TensorType::of({DType::i32}).scalar());
  }
  using Breaker::Breaker;
  void infer(InferContext& ctx) override {
    PortSpec first = PortSpec::single(numbers(), 8, 4);
    if (how_ == "second_promise") first.rows_per_epoch.reset();
    infer_output(ctx, "x", std::move(first));
    infer_output(ctx, "y", PortSpec::single(numbers(), 8, 4));
  }
  void begin_epoch(std::uint32_t) override { block_ = 0; }
  void produce(SourceContext& ctx) override {
    throw_something();
    const bool last = ++block_ == 2;
    const std::uint64_t first = last ? 4 : 0;
    if (how_ == "silent") return;
    ctx.emit("x", zeros(ctx, numbers(), is_short(last) ? 3 : 4, first, last));
    if (how_ == "unknown_output") ctx.emit("z", zeros(ctx, numbers(), 4, first, last));
    if (how_ == "twice") ctx.emit("x", zeros(ctx, numbers(), 4, first, last));
    emit_second(ctx, first, last);
  }

 private:
  bool is_short(bool last) const { return last && (how_ == "short_epoch" || how_ == "second_promise"); }
  void emit_second(SourceContext& ctx, std::uint64_t first, bool last) {
    if (how_ == "half_silent") return;
    if (how_ == "null_tensor") return ctx.emit("y", without_tensor(4));
    if (how_ == "other_dtype") return ctx.emit("y", zeros(ctx, numbers(DType::f32), 4, first, last));
    if (how_ == "other_shape") return ctx.emit("y", zeros(ctx, numbers(DType::i32, {2}), 4, first, last));
    if (how_ == "too_many_rows") return ctx.emit("y", zeros(ctx, numbers(), 5, first, last));
    if (how_ == "other_rows") return ctx.emit("y", zeros(ctx, numbers(), 3, first, last));
    if (how_ == "other_ids") return ctx.emit("y", zeros(ctx, numbers(), 4, first + 1, last));
    if (how_ == "other_end") return ctx.emit("y", zeros(ctx, numbers(), 4, first, !last));
    OutputPacket output_packet = zeros(ctx, numbers(), is_short(last) ? 3 : 4, first, last);
    if (how_ == "no_ids") output_packet.ids = nullptr;
    if (how_ == "other_field") output_packet.fields.front().name = "image";
    if (how_ == "more_fields") output_packet.fields.push_back(output_packet.fields.front());
    ctx.emit("y", std::move(output_packet));
  }

  int block_ = 0;
};

/// Passes on what it gets.
class BreakingTransform final : public Breaker<Transform> {
 public:
  static void describe(StageDescriptor& spec) {
    describe_fault(spec, "breaks_transform");
    spec.input("in", TensorType::of({DType::i32}).scalar()).output("out", TensorType::of({DType::i32}).scalar());
  }
  using Breaker::Breaker;
  void infer(InferContext& ctx) override {
    PortSpec spec = ctx.input("in");
    if (how_ == "too_many_rows") spec.max_rows = 1;
    if (how_ == "infers_unknown") ctx.input("nowhere");
    infer_output(ctx, "out", std::move(spec));
  }
  void process(TransformContext& ctx) const override {
    throw_something();
    const Tensor& in = ctx.input().tensor();
    if (how_ == "silent") return;
    if (how_ == "unknown_input") ctx.input("nowhere");
    if (how_ == "unknown_output") return ctx.emit("nowhere", in);
    if (how_ == "unknown_spec") ctx.output("nowhere");
    if (how_ == "null_tensor") return ctx.emit("out", Tensor());
    if (how_ == "no_fields") return ctx.emit("out", std::vector<Field>());
    if (how_ == "other_dtype") return ctx.emit("out", zeros(ctx, numbers(DType::f32), in.rows(), 0, false).fields);
    if (how_ == "fewer_rows") return ctx.emit("out", in.slice(0, in.rows() - 1));
    ctx.emit("out", in);
    if (how_ == "twice") ctx.emit("out", in);
  }
};

/// Passes on what it gets.
class BreakingSerial final : public Breaker<Serial> {
 public:
  static void describe(StageDescriptor& spec) {
    describe_fault(spec, "breaks_serial");
    spec.input("in", TensorType::of({DType::i32}).scalar()).output("out", TensorType::of({DType::i32}).scalar());
  }
  using Breaker::Breaker;
  void infer(InferContext& ctx) override { infer_output(ctx, "out", ctx.input("in")); }
  void process(SerialContext& ctx) override {
    throw_something();
    const Packet& in = ctx.input();
    const bool last = in.header.last_in_epoch;
    if (how_ == "unknown_input") ctx.input("nowhere");
    if (how_ == "when_twice") ctx.when(Event(), [](SerialContext&) {});
    if (how_ == "when_twice") ctx.when(Event(), [](SerialContext&) {});
    if (how_ == "unknown_output") return ctx.emit("nowhere", same(in, last));
    if (how_ == "other_shape") return ctx.emit("out", zeros(ctx, numbers(DType::i32, {2}), in.rows, 0, last));
    if (how_ == "null_tensor") return ctx.emit("out", without_tensor(in.rows));
    if (how_ == "silent" || (how_ == "drops_the_end" && last)) return;
    ctx.emit("out", same(in, last && how_ != "never_ends"));
    if (how_ == "after_the_end" && last) ctx.emit("out", same(in, false));
    if (how_ == "ends_twice" && last) ctx.emit("out", same(in, true));
  }

 private:
  static OutputPacket same(const Packet& in, bool last) {
    return OutputPacket::tensor(in.tensor(), in.ids, in.header.first_row, last);
  }
};

/// The other end of each graph.
class Taker final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Takes what comes.").input("in", TensorType::any()).example("x: {stage: takes, in: a.x}");
  }
  explicit Taker(const ParamValue&) {}
  void infer(InferContext&) override {}
  void process(SerialContext&) override {}
};

MILLRACE_REGISTER_STAGE("breaks_source", BreakingSource);
MILLRACE_REGISTER_STAGE("breaks_transform", BreakingTransform);
MILLRACE_REGISTER_STAGE("breaks_serial", BreakingSerial);
MILLRACE_REGISTER_STAGE("takes", Taker);

}  // namespace

MILLRACE_PLUGIN("contract_breakers", "1", "MIT");
