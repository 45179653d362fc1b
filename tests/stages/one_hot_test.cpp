// Labels of every integer type become the right rows, names give the order of columns, and wrong labels are found before or during a run.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/testing/stage_tester.hpp>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<float> values_of(const Tensor& t) { return {t.f32().begin(), t.f32().end()}; }

ParamValue names(std::vector<std::string> list) {
  ParamValue::List values;
  for (std::string& name : list) values.emplace_back(std::move(name));
  return values;
}

Tensor colors(const std::vector<std::int32_t>& ids) {
  Tensor plain = rows<std::int32_t>({}, ids);
  TensorSpec spec = plain.spec();
  spec.class_names = {"red", "green", "blue"};
  spec.range = ValueRange{0, 2};
  return plain.viewed_as(spec);
}

std::vector<InferError> errors_of(ParamValue classes, TensorSpec in) {
  StageTester t("one_hot", {{"classes", std::move(classes)}});
  t.input("in", PortSpec::single(std::move(in), 10, 5));
  return t.infer();
}

}  // namespace

TEST_CASE("Each label becomes a row with a one at its place") {
  StageTester t("one_hot", {{"classes", 4}});
  t.push("in", rows<std::uint8_t>({}, {3, 0, 1}, ValueRange{0, 3}));
  const Tensor y = t.pop().tensor();
  CHECK(values_of(y) == std::vector<float>{0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0});
  CHECK(y.spec().row_shape == RowShape{4});
  CHECK(y.spec().range == ValueRange{0, 1});
}

TEST_CASE("Bytes of labels flow on as they are") {
  StageTester t("one_hot", {{"classes", 10}});
  const Tensor labels = rows<std::uint8_t>({}, {5, 0, 4, 1, 9});
  t.push("in", labels);
  const Tensor y = t.pop().tensor();
  CHECK(y.bytes() == labels.bytes());
  CHECK(y.spec().encoding.kind == EncodingKind::indicator);
}

TEMPLATE_TEST_CASE("Every integer type of label gives the same rows", "", std::uint8_t, std::int8_t, std::int16_t,
                   std::int32_t) {
  StageTester t("one_hot", {{"classes", 3}});
  t.push("in", rows<TestType>({}, {2, 0}));
  CHECK(values_of(t.pop().tensor()) == std::vector<float>{0, 0, 1, 1, 0, 0});
}

TEST_CASE("More than 256 classes are kept as 32-bit ids") {
  StageTester bytes("one_hot", {{"classes", 257}}), wide("one_hot", {{"classes", 300}});
  bytes.push("in", rows<std::uint8_t>({}, {255}));
  wide.push("in", rows<std::int16_t>({}, {299}));
  CHECK(bytes.pop().tensor().stored<std::int32_t>()[0] == 255);
  CHECK(values_of(wide.pop().tensor())[299] == 1.0F);
}

TEST_CASE("Names give the order of the columns") {
  StageTester t("one_hot", {{"classes", names({"red", "blue", "green"})}});
  t.push("in", colors({0, 1, 2, 1}));
  CHECK(values_of(t.pop().tensor()) == std::vector<float>{1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1});
  CHECK(t.output_spec("out").only().class_names == std::vector<std::string>{"red", "blue", "green"});
}

TEST_CASE("Names for plain numbers only name the columns") {
  StageTester t("one_hot", {{"classes", names({"no", "yes"})}});
  t.push("in", rows<std::uint8_t>({}, {1, 0}));
  CHECK(values_of(t.pop().tensor()) == std::vector<float>{0, 1, 1, 0});
}

TEST_CASE("A class of the input that is not named is an error, and so is a name given twice") {
  const TensorSpec in = colors({0}).spec();
  const auto missing = errors_of(names({"red", "blue"}), in);
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].name == "unknown-class");
  CHECK_THAT(missing[0].message, ContainsSubstring("green"));
  const auto unknown = errors_of(names({"black", "red", "blue", "green"}), in);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].name == "unknown-class");
  CHECK_THAT(unknown[0].message, ContainsSubstring("black"));
  CHECK(errors_of(names({"red", "blue", "green", "red"}), in).at(0).name == "duplicate-class");
}

TEST_CASE("Labels known to be too large or negative are found before the run") {
  const auto high = errors_of(8, {DType::u8, {}, ValueRange{0, 9}, {}, {}});
  REQUIRE(high.size() == 1);
  CHECK(high[0].name == "label-out-of-range");
  CHECK(high[0].site.path == "classes");
  CHECK_THAT(high[0].message, ContainsSubstring("labels reach 9"));
  CHECK_THAT(high[0].help, ContainsSubstring("10"));
  const auto low = errors_of(8, {DType::i8, {}, ValueRange{-1, 5}, {}, {}});
  REQUIRE(low.size() == 1);
  CHECK_THAT(low[0].message, ContainsSubstring("labels start at -1"));
  CHECK(errors_of(10, {DType::u8, {}, ValueRange{0, 9}, {}, {}}).empty());
  CHECK(errors_of(8, {DType::u8, {}, {}, {}, {}}).empty());
}

TEST_CASE("A label of unknown range that is too large stops the run and names the sample") {
  StageTester t("one_hot", {{"classes", 10}});
  t.push("in", rows<std::uint8_t>({}, {0, 1}));
  const Error error = error_of([&] { t.push("in", rows<std::uint8_t>({}, {9, 10})); });
  CHECK(error.name() == "label-out-of-range");
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(),
             ContainsSubstring("sample 3") && ContainsSubstring("label 10") && ContainsSubstring("0 to 9"));
  StageTester negative("one_hot", {{"classes", 10}});
  CHECK(error_of([&] { negative.push("in", rows<std::int32_t>({}, {-1})); }).name() == "label-out-of-range");
}

TEST_CASE("What is no class id is refused") {
  CHECK(errors_of(10, {DType::f32, {}, {}, {}, {}}).at(0).name == "dtype-mismatch");
  CHECK(errors_of(10, {DType::u8, {28, 28}, {}, {}, {}}).at(0).name == "shape-mismatch");
  CHECK(errors_of(10, {DType::u8, {1}, {}, {}, {}}).empty());
}

TEST_CASE("The number of classes is at least one") {
  CHECK(error_of([] { StageTester("one_hot", {{"classes", 0}}); }).name() == "out-of-range");
  CHECK(error_of([] { StageTester("one_hot", {{"classes", ParamValue::List{}}}); }).name() == "wrong-length");
  CHECK(error_of([] { StageTester("one_hot"); }).name() == "missing-parameter");
}
