// StageTester, which drives one stage in a test, on two small stages: what it passes on, what it completes, and which breaches of contract it names.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/testing/stage_tester.hpp>

using namespace millrace;
using namespace millrace::testing;

namespace {

/// Sends 2 x 3 rows of sample ids an epoch, in blocks of 3; its state is the number of epochs begun.
class SmallSource final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("six rows")
        .output("out", TensorType::of({DType::i32}).scalar())
        .param(Param("bad", ParamType::text(), "what to do wrong").or_default(""));
  }
  explicit SmallSource(const ParamValue& params) : bad_(params["bad"].text()) {}
  void infer(InferContext& ctx) override {
    if (bad_ == "unset") return;
    if (bad_ == "warn") ctx.warn(ErrorSite::param("bad"), "odd", "as asked", "ask for something else");
    if (bad_ == "refuse") return ctx.error(ErrorSite::param("bad"), "refused", "as asked", "ask for something else");
    ctx.output("out", PortSpec::single({DType::i32, {}, {}, {}, {}}, 6, 3));
  }
  void begin_epoch(std::uint32_t) override {
    ++begun_;
    at_ = 0;
  }
  void produce(SourceContext& ctx) override {
    OutTensor out = ctx.allocate({bad_ == "dtype" ? DType::f32 : DType::i32, {}, {}, {}, {}}, 3);
    auto ids = std::make_shared<std::vector<std::uint64_t>>();
    for (std::uint64_t i = 0; i < 3; ++i) ids->push_back(at_ + i);
    if (bad_ == "ids") ids->pop_back();
    const std::uint64_t first = at_;
    at_ += 3;
    ctx.emit("out", OutputPacket::tensor(std::move(out).freeze(), ids, first, at_ == 6));
    if (bad_ != "twice") return;
    OutTensor again = ctx.allocate({DType::i32, {}, {}, {}, {}}, 3);
    ctx.emit("out", OutputPacket::tensor(std::move(again).freeze(), ids, first, false));
  }
  void save(StageState& state) const override { state.put("begun", std::as_bytes(std::span(&begun_, 1))); }
  void load(const StageState& state) override { begun_ = static_cast<std::uint8_t>(state.get("begun")[0]); }

 private:
  std::string bad_;
  std::uint8_t begun_ = 0;
  std::uint64_t at_ = 0;
};

/// Sends its joined inputs on as one record; keeps quiet when told to.
class Pair final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("a pair")
        .input("a", TensorType::any())
        .input("b", TensorType::any())
        .output("out", TensorType::any())
        .param(Param("quiet", ParamType::boolean(), "emit nothing").or_default(false));
  }
  explicit Pair(const ParamValue& params) : quiet_(params["quiet"].boolean()) {}
  void infer(InferContext& ctx) override {
    PortSpec out;
    for (const std::string& name : ctx.inputs()) out.fields.push_back({name, ctx.input(name).only()});
    ctx.output("out", out);
  }
  void process(TransformContext& ctx) const override {
    if (quiet_) return;
    ctx.emit("out", {{"a", ctx.input("a").tensor()}, {"b", ctx.input("b").tensor()}});
  }

 private:
  bool quiet_;
};

StageRegistry small_stages() {
  StageRegistry registry;
  registry.add(make_stage_info<SmallSource>("small"));
  registry.add(make_stage_info<Pair>("pair"));
  return registry;
}

const StageRegistry& stages() {
  static const StageRegistry registry = small_stages();
  return registry;
}

}  // namespace

TEST_CASE("A source is pulled pass after pass") {
  StageTester t(stages(), "small");
  t.pull().pull().pull();
  const Packet first = t.pop(), second = t.pop(), third = t.pop();
  CHECK(first.header.epoch == 1);
  CHECK(first.header.seq == 0);
  CHECK_FALSE(first.header.last_in_epoch);
  CHECK(second.header.first_row == 3);
  CHECK(second.header.last_in_epoch);
  CHECK(third.header.epoch == 2);
  CHECK(third.header.seq == 2);
  CHECK(third.header.first_row == 0);
  CHECK_FALSE(t.has_output("out"));
  CHECK(error_of([&] { t.pop(); }).name() == "nothing-emitted");
}

TEST_CASE("With no epochs the only pass is epoch 0") {
  StageTester t(stages(), "small");
  t.epochs(0).pull();
  CHECK(t.pop().header.epoch == 0);
}

TEST_CASE("State goes from one stage to another") {
  StageTester one(stages(), "small"), other(stages(), "small");
  one.pull().pull().pull();
  other.load(one.save());
  other.pull();
  CHECK(other.save().get("begun")[0] == std::byte{3});
}

TEST_CASE("Joined inputs arrive together, with ids and rows counted through the epoch") {
  StageTester t(stages(), "pair");
  const auto push = [&](bool last) {
    t.push_joined({{"a", rows<float>({1}, {1, 2})}, {"b", rows<std::uint8_t>({}, {3, 4})}}, last);
  };
  push(false);
  push(true);
  push(false);
  CHECK(t.pop().header.first_row == 0);
  const Packet second = t.pop(), third = t.pop();
  CHECK(second.header.first_row == 2);
  CHECK(second.header.last_in_epoch);
  CHECK(std::vector<std::uint64_t>(second.sample_ids().begin(), second.sample_ids().end()) ==
        std::vector<std::uint64_t>{2, 3});
  CHECK(third.header.epoch == 2);
  CHECK(third.header.first_row == 0);
  CHECK(third.header.seq == 2);
  CHECK(third.tensor("b").stored<std::uint8_t>()[1] == 4);
}

TEST_CASE("What a stage does against its contract is an error") {
  const auto pull = [](const char* bad) {
    return error_of([&] { StageTester(stages(), "small", {{"bad", bad}}).pull(); }).name();
  };
  CHECK(pull("dtype") == "output-mismatch");
  CHECK(pull("ids") == "output-mismatch");
  CHECK(pull("unset") == "infer-incomplete");
  CHECK(pull("twice") == "source-contract");
  StageTester quiet(stages(), "pair", {{"quiet", true}});
  CHECK(error_of([&] {
          quiet.push_joined({{"a", rows<float>({}, {1})}, {"b", rows<float>({}, {1})}});
        }).name() == "transform-contract");
}

TEST_CASE("Errors of infer are collected, and thrown when the stage is used all the same") {
  StageTester t(stages(), "small", {{"bad", "refuse"}});
  const std::vector<InferError> errors = t.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].site.what == ErrorSite::What::param);
  CHECK(errors[0].site.path == "bad");
  CHECK(errors[0].help == "ask for something else");
  const Error error = error_of([&] { t.pull(); });
  CHECK(error.name() == "refused");
  CHECK(error.kind() == ErrorKind::config);
}

TEST_CASE("Values that are no whole number of rows are refused") {
  const auto name_of = [](RowShape shape, std::size_t values) {
    return error_of([&] { rows<float>(shape, std::vector<float>(values)); }).name();
  };
  CHECK(name_of({16}, 31) == "shape-mismatch");
  CHECK(name_of({3}, 1) == "shape-mismatch");
  CHECK(name_of({0}, 1) == "shape-mismatch");
  CHECK(rows<float>({0}, {}).rows() == 0);
  CHECK(rows<float>({3}, {}).rows() == 0);
  CHECK(rows<float>({}, {1, 2}).rows() == 2);
}

TEST_CASE("A packet of another shape, or after the end, is no packet that a graph would send") {
  StageTester tested(stages(), "pair");
  const auto push = [&](Tensor a) { tested.push_joined({{"a", std::move(a)}, {"b", rows<float>({}, {1, 2})}}); };
  push(rows<float>({2}, {1, 2, 3, 4}));
  push(rows<float>({2}, {5, 6, 7, 8}));
  CHECK(error_of([&] { push(rows<float>({1}, {1, 2})); }).name() == "shape-mismatch");
  CHECK(error_of([&] { push(rows<std::int32_t>({2}, {1, 2, 3, 4})); }).name() == "shape-mismatch");
  tested.close();
  CHECK(error_of([&] { push(rows<float>({2}, {1, 2, 3, 4})); }).name() == "stage-closed");
}

TEST_CASE("Warnings of infer are kept apart from its errors, and the stage runs on") {
  StageTester t(stages(), "small", {{"bad", "warn"}});
  CHECK(t.infer().empty());
  REQUIRE(t.warnings().size() == 1);
  CHECK(t.warnings()[0].site.path == "bad");
  CHECK(t.warnings()[0].name == "odd");
  CHECK(t.warnings()[0].help == "ask for something else");
  t.pull();
  CHECK(t.has_output("out"));
}

TEST_CASE("Misuse of the tester is reported") {
  CHECK(error_of([] { StageTester(stages(), "large"); }).name() == "unknown-stage");
  StageTester source(stages(), "small"), transform(stages(), "pair");
  CHECK(error_of([&] { source.push("in", rows<float>({}, {1})); }).name() == "no-such-port");
  CHECK(error_of([&] { transform.push("c", rows<float>({}, {1})); }).name() == "no-such-port");
  StageTester tested(stages(), "pair");
  tested.input("a", PortSpec::single({}, {}, 1)).input("b", PortSpec::single({}, {}, 1));
  CHECK(error_of([&] { tested.pull(); }).name() == "not-a-source");
  CHECK(error_of([&] { (void)source.has_output("in"); }).name() == "no-such-port");
}

TEST_CASE("Parameters are checked against the descriptor and completed") {
  using T = ParamType;
  const std::vector<Param> schema{
      Param("count", T::integer().at_least(1).at_most(9), "how many"),
      Param("rate", T::number().above(0).below(1), "how fast").or_default(0.5),
      Param("name", T::text(), "who").optional(),
      Param("kind", T::one_of({{"plain", "", {}}, {"fancy", "", {Param("level", T::integer(), "").or_default(3)}}}),
            "what")
          .or_default("plain"),
      Param("list", T::list(T::any_of({T::integer(), T::text()})).length(1, 2), "items").optional(),
      Param("mode", T::choice({"on", "off"}), "whether").or_default("on")};
  const auto name = [&](ParamValue::Map params) { return error_of([&] { complete_params(schema, params); }).name(); };

  const ParamValue good =
      complete_params(schema, {{"count", 2}, {"kind", "fancy"}, {"list", ParamValue::List{1, "a"}}});
  CHECK(good["rate"].number() == 0.5);
  CHECK(good["name"].is_null());
  CHECK(good["kind"].alternative() == "fancy");
  CHECK(good["kind"].alternative_params()["level"].integer() == 3);
  CHECK(good["list"].list()[1].text() == "a");
  CHECK(good["mode"].text() == "on");

  CHECK(name({}) == "missing-parameter");
  CHECK(name({{"count", 2}, {"cuont", 2}}) == "unknown-parameter");
  CHECK(name({{"count", 0}}) == "out-of-range");
  CHECK(name({{"count", 10}}) == "out-of-range");
  CHECK(name({{"count", 1.5}}) == "wrong-type");
  CHECK(name({{"count", 2}, {"rate", 1}}) == "out-of-range");
  CHECK(name({{"count", 2}, {"rate", 0.0}}) == "out-of-range");
  CHECK(name({{"count", 2}, {"list", ParamValue::List{}}}) == "wrong-length");
  CHECK(name({{"count", 2}, {"list", ParamValue::List{true}}}) == "wrong-type");
  CHECK(name({{"count", 2}, {"kind", "odd"}}) == "unknown-choice");
  CHECK(name({{"count", 2}, {"mode", "maybe"}}) == "unknown-choice");
  CHECK(name({{"count", 2}, {"kind", ParamValue::Map{{"fancy", ParamValue::Map{{"lvl", 1}}}}}}) == "unknown-parameter");
}
