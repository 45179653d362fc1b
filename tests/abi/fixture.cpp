// A plugin that uses the public headers widely: a source, a transform and a serial with state. Kept as a binary, so that a
// change of the headers that breaks plugins which people have already built shows in the tests.
#include <millrace/error.hpp>
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>

using namespace millrace;

namespace {

class Dice final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Throws dice, the same ones for one seed.")
        .output("out", TensorType::of({DType::f32}).shape({2}).within(1, 6));
    spec.param(Param("rows", ParamType::integer().at_least(1).at_most(1000), "Throws of an epoch.")
                   .or_default(4)
                   .in_unit("rows"));
    spec.example("dice: {stage: abi_dice, with: {rows: 3}}");
  }
  explicit Dice(const ParamValue& params) : rows_(params["rows"].integer()) {}
  void infer(InferContext& ctx) override {
    ctx.output("out", PortSpec::single({DType::f32, {2}, ValueRange{1, 6}, {}, {}}, rows_, rows_));
    ctx.uses_memory("dice", 2);
    ctx.draws("abi_dice");
  }
  void open(OpenContext& ctx) override { random_ = std::make_unique<Random>(ctx.random("abi_dice")); }
  void begin_epoch(std::uint32_t epoch) override { epoch_ = epoch; }
  void produce(SourceContext& ctx) override {
    OutTensor y = ctx.allocate(ctx.output("out").only(), rows_);
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows_));
    std::iota(ids->begin(), ids->end(), std::uint64_t{0});
    std::uint64_t at = 0;
    for (float& eye : y.values<float>())
      eye = static_cast<float>(1 + static_cast<int>(6 * random_->uniform(at++, epoch_)));
    ctx.emit("out", OutputPacket::tensor(std::move(y).freeze(), ids, 0, true));
  }

 private:
  std::int64_t rows_;
  std::uint32_t epoch_ = 0;
  std::unique_ptr<Random> random_;
};

class Weigh final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Multiplies every column by its weight.")
        .input("in", TensorType::of({DType::f32}).vector())
        .output("out", TensorType::of({DType::f32}).shape_as("in"));
    spec.param(
        Param("weights", ParamType::list(ParamType::number().above(0)).length(1, 64), "A weight for each column."));
    spec.param(Param("mode", ParamType::choice({"plain", "negative"}), "Sign of the result.").or_default("plain"));
    spec.example("weighed: {stage: abi_weigh, in: dice, with: {weights: [1, 10]}}");
  }
  explicit Weigh(const ParamValue& params) : sign_(params["mode"].text() == "plain" ? 1.F : -1.F) {
    for (const ParamValue& weight : params["weights"].list()) weights_.push_back(static_cast<float>(weight.number()));
  }
  void infer(InferContext& ctx) override {
    PortSpec port = ctx.input("in");
    TensorSpec& spec = port.fields.front().spec;
    if (elements_of(spec.row_shape) != static_cast<std::int64_t>(weights_.size()))
      return ctx.error(ErrorSite::param("weights"), "shape-mismatch", "as many weights as columns are needed");
    spec.range.reset();
    ctx.output("out", std::move(port));
  }
  void process(TransformContext& ctx) const override {
    const Tensor& x = ctx.input().tensor();
    OutTensor y = ctx.allocate(ctx.output("out").only(), x.rows());
    const auto from = x.f32();
    for (std::size_t i = 0; i < from.size(); ++i)
      y.values<float>()[i] = sign_ * from[i] * weights_[i % weights_.size()];
    ctx.emit("out", std::move(y).freeze());
  }

 private:
  float sign_;
  std::vector<float> weights_;
};

class Total final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Prints the sum of all that came through so far, at the end of each epoch.");
    spec.input("in", TensorType::of({DType::f32})).state(StateKind::checkpointable);
    spec.example("total: {stage: abi_total, in: weighed}");
  }
  explicit Total(const ParamValue&) {}
  void infer(InferContext&) override {}
  void open(OpenContext& ctx) override { reporter_ = &ctx.reporter(); }
  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input();
    for (const float value : packet.tensor().f32()) sum_ += static_cast<std::int64_t>(value);
    if (packet.rows < 1) throw Error(ErrorKind::data, "abi-empty", "an empty packet");
    if (packet.header.last_in_epoch) reporter_->print("total " + std::to_string(sum_) + "\n");
  }
  void save(StageState& state) const override { state.put("sum", std::as_bytes(std::span(&sum_, 1))); }
  void load(const StageState& state) override { std::memcpy(&sum_, state.get("sum").data(), sizeof sum_); }

 private:
  RunReporter* reporter_ = nullptr;
  std::int64_t sum_ = 0;
};

MILLRACE_REGISTER_STAGE("abi_dice", Dice);
MILLRACE_REGISTER_STAGE("abi_weigh", Weigh);
MILLRACE_REGISTER_STAGE("abi_total", Total);

}  // namespace

MILLRACE_PLUGIN("abi", "1.0.0", "Apache-2.0");
