// The suite as a library: what a plugin's own test can call. tests/pipelines/command/test_stage_test.py plants the faults.
#include "catch.hpp"

#include <millrace/testing/stage_suite.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <set>

using namespace millrace;
using millrace::testing::CheckResult;
using millrace::testing::suite_checks;
using millrace::testing::SuiteCase;
using millrace::testing::SuiteCheck;
using millrace::testing::Verdict;

namespace {

/// Takes the dtypes and shapes that its inputs declare, as many columns as it has weights, and nothing else.
class Weighing final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.input("in", TensorType::of({DType::f32, DType::i16}).vector())
        .output("out", TensorType::of({DType::f32}).shape_as("in"))
        .param(Param("weights", ParamType::list(ParamType::number()), "one for each column"));
  }
  explicit Weighing(const ParamValue& params) : columns_(params["weights"].list().size()) {}
  void infer(InferContext& ctx) override {
    const PortSpec& in = ctx.input("in");
    seen.insert(in.only().describe());
    if (in.only().row_shape.at(0) != static_cast<std::int64_t>(columns_))
      return ctx.error(ErrorSite::param("weights"), "shape-mismatch", "a weight for each column");
    ctx.output("out", PortSpec::single({DType::f32, in.only().row_shape, {}, {}, {}}, in.rows_per_epoch, in.max_rows));
  }
  void process(TransformContext& ctx) const override {
    const Tensor& x = ctx.input().tensor();
    OutTensor y = ctx.allocate(ctx.output("out").only(), x.rows());
    const auto from = x.f32();
    std::copy(from.begin(), from.end(), y.values<float>().begin());
    ctx.emit("out", std::move(y).freeze());
  }
  static inline std::set<std::string> seen;

 private:
  std::size_t columns_;
};

}  // namespace

TEST_CASE("the checks have names of their own, and need only checks that come before them") {
  std::set<std::string> names;
  for (const SuiteCheck& check : suite_checks()) {
    for (const std::string& needed : check.needs) CHECK(names.contains(needed));
    CHECK(names.insert(check.name).second);
  }
}

TEST_CASE("inputs are made from what is declared, with extents that the parameters speak of") {
  const StageInfo info = make_stage_info<Weighing>("weighing");
  const ParamValue params =
      millrace::testing::complete_params(info.spec.params(), {{"weights", ParamValue::List{1, 1, 1, 1, 1}}});
  for (const SuiteCheck& check : suite_checks()) {
    INFO(check.name);
    const CheckResult result = check.run({info, params, {"in"}, 1});
    INFO(result.seen);
    CHECK(result.verdict == Verdict::passed);
  }
  for (const char* spec : {"f32 [n, 5] in [-2, 6]", "f32 [n, 5] in [0, 1] as indicator", "i16 [n, 5] in [-50, 200]"})
    CHECK(Weighing::seen.contains(spec));
  CHECK(std::none_of(Weighing::seen.begin(), Weighing::seen.end(),
                     [](const std::string& s) { return s.starts_with("u8"); }));
}
