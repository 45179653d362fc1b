// Declared ports: what they say of themselves, and what they refuse before a stage's infer sees it.
#include "catch.hpp"

#include <millrace/detail/port_check.hpp>
#include <millrace/testing/stage_tester.hpp>

using namespace millrace;
using millrace::testing::StageTester;

namespace {

/// Two inputs of which the second follows the first, and a record.
class Picky final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.input("bytes", TensorType::of({DType::u8}).vector().within(0, 9).hint("take the other one"))
        .optional_input("same", TensorType::like("bytes"))
        .optional_input("record",
                        RecordType().field("a", TensorType::any().scalar()).optional_field("b", TensorType::any()));
  }
  explicit Picky(const ParamValue&) {}
  void infer(InferContext&) override { ++inferred; }
  void process(SerialContext&) override {}
  static inline int inferred = 0;
};

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry r;
    r.add(make_stage_info<Picky>("picky"));
    return r;
  }();
  return registry;
}

TensorSpec spec_of(DType dtype, RowShape shape, std::optional<ValueRange> range = {}) {
  return {dtype, std::move(shape), range, {}, {}};
}

std::string refusals(const std::vector<std::pair<std::string, PortSpec>>& inputs) {
  StageTester t(stages(), "picky");
  for (const auto& [port, spec] : inputs) t.input(port, spec);
  std::string names;
  for (const auto& error : t.infer()) names += error.name + " " + error.site.path + ";";
  return names;
}

PortSpec one(TensorSpec spec) { return PortSpec::single(std::move(spec), 8, 8); }

PortSpec record(std::vector<PortSpec::FieldSpec> fields) {
  PortSpec port;
  port.fields = std::move(fields);
  return port;
}

const TensorSpec kGood = spec_of(DType::u8, {3}, ValueRange{0, 9});

}  // namespace

TEST_CASE("a declaration reads as a sentence") {
  CHECK(TensorType::any().text() == "any [n, ...]");
  CHECK(TensorType::of({DType::u8, DType::i8, DType::f32}).rank(0, 1).text() == "u8, i8 or f32 [n] or [n, *]");
  CHECK(TensorType::of({DType::f32}).shape({2, 3}).within(0, 1).text() == "f32 [n, 2, 3] in [0, 1]");
  CHECK(TensorType::any().rank(1, TensorType::kAnyRank).text() == "any [n, ..., *]");
  CHECK(TensorType::any().one_value().below("classes").text() == "any [n] or [n, 1], 0 to `classes` - 1");
  CHECK(TensorType::like("in").description("turned").text() == "the same as `in`; turned");
  CHECK(TensorType::like("in").vector().text() == "dtype of `in` [n, *], range of `in`");
  CHECK(TensorType::of({DType::f32}).shape_as("in").text() == "f32, shape of `in`");
  CHECK(RecordType().field("a", TensorType::any()).optional_field("b", TensorType::any().scalar()).text() ==
        "a any [n, ...], optional b any [n]");
  CHECK(PortType(RecordType::like("in")).text() == "the same record as `in`");
  CHECK(PortType::metrics("sums").text() == "sums");
}

TEST_CASE("what a declaration does not cover is refused before infer is called") {
  const int before = Picky::inferred;
  CHECK(refusals({{"bytes", one(spec_of(DType::f32, {3}))}}) == "dtype-mismatch bytes;");
  CHECK(refusals({{"bytes", one(spec_of(DType::u8, {3, 3}))}}) == "shape-mismatch bytes;");
  CHECK(refusals({{"bytes", one(spec_of(DType::u8, {3}, ValueRange{0, 10}))}}) == "out-of-range bytes;");
  CHECK(refusals({{"bytes", record({{"x", kGood}, {"y", kGood}})}}) == "not-a-single-tensor bytes;");
  CHECK(Picky::inferred == before);
  CHECK(refusals({{"bytes", one(kGood)}}).empty());
  CHECK(refusals({{"bytes", one(spec_of(DType::u8, {3}))}}).empty());
  CHECK(Picky::inferred == before + 2);
}

TEST_CASE("an input that is declared as another one follows it in dtype, shape and range") {
  CHECK(refusals({{"bytes", one(kGood)}, {"same", one(kGood)}}).empty());
  CHECK(refusals({{"bytes", one(kGood)}, {"same", one(spec_of(DType::i8, {3}))}}) == "dtype-mismatch same;");
  CHECK(refusals({{"bytes", one(kGood)}, {"same", one(spec_of(DType::u8, {4}))}}) == "shape-mismatch same;");
  CHECK(refusals({{"bytes", one(kGood)}, {"same", one(spec_of(DType::u8, {3}, ValueRange{0, 255}))}}) ==
        "out-of-range same;");
}

TEST_CASE("every wrong field of a record is told") {
  const TensorSpec number = spec_of(DType::f32, {});
  CHECK(refusals({{"bytes", one(kGood)}, {"record", record({{"a", number}})}}).empty());
  CHECK(refusals({{"bytes", one(kGood)}, {"record", record({{"c", number}})}}) ==
        "unknown-field record;missing-field record;");
  CHECK(refusals({{"bytes", one(kGood)}, {"record", record({{"a", kGood}, {"b", kGood}})}}) ==
        "shape-mismatch record;");
}

TEST_CASE("the error tells both sides and the stage's own advice") {
  StageTester t(stages(), "picky");
  t.input("bytes", one(spec_of(DType::f32, {3})));
  const auto errors = t.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message == "input `bytes` takes u8 [n, *] in [0, 9], it gets f32 [n, 3]");
  CHECK(errors[0].help == "take the other one");
}
