// Rounding to the last bit: bytes as stored against floats, means far from the data, and parameters that float32 does not hold.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/testing/stage_tester.hpp>

#include <cmath>
#include <numeric>

using namespace millrace;
using namespace millrace::testing;

namespace {

std::vector<std::uint8_t> all_bytes() {
  std::vector<std::uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

PortSpec port(DType dtype, std::optional<ValueRange> range) {
  return PortSpec::single({dtype, {2}, range, {}, {}}, 4, 2);
}

std::vector<InferError> errors_of(ParamValue::Map params, PortSpec in) {
  StageTester t("normalize", std::move(params));
  t.input("in", std::move(in));
  return t.infer();
}

}  // namespace

TEST_CASE("Bytes keep their bytes, and decode to the same bits that floats give") {
  const ParamValue::Map params =
      GENERATE(ParamValue::Map{{"scale", 1.0 / 255}}, ParamValue::Map{{"scale", 0.1}, {"offset", -0.7}},
               ParamValue::Map{{"scale", -3.0}});
  const std::vector<std::uint8_t> bytes = all_bytes();
  StageTester encoded("normalize", params), materialized("normalize", params);
  const Tensor x = rows<std::uint8_t>({4}, bytes, ValueRange{0, 255});
  encoded.push("in", x);
  materialized.push("in", rows<float>({4}, std::vector<float>(bytes.begin(), bytes.end()), ValueRange{0, 255}));
  const Tensor a = encoded.pop().tensor(), b = materialized.pop().tensor();
  CHECK(a.bytes() == x.bytes());
  CHECK(a.spec().encoding.kind == EncodingKind::affine_u8);
  CHECK(b.spec().encoding.kind == EncodingKind::dense);
  REQUIRE(a.f32().size() == b.f32().size());
  CHECK(std::memcmp(a.f32().data(), b.f32().data(), a.f32().size_bytes()) == 0);
}

TEST_CASE("Bytes around a mean keep their bytes, and are right to a rounding of what they spread over") {
  const double mean = 33.3184, std = 78.5675;
  const std::vector<std::uint8_t> bytes = all_bytes();
  StageTester t("normalize", {{"mean", mean}, {"std", std}});
  const Tensor x = rows<std::uint8_t>({4}, bytes, ValueRange{0, 255});
  t.push("in", x);
  const Tensor y = t.pop().tensor();
  CHECK(y.bytes() == x.bytes());
  // Four roundings by 2^-24, of scale, product, offset and sum, of values up to 256 / std.
  for (std::size_t i = 0; i < bytes.size(); ++i)
    CHECK(std::abs(static_cast<double>(y.f32()[i]) - (bytes[i] - mean) / std) < 0x1p-22 * 256 / std);
}

TEST_CASE("Bytes around a mean that is far from them are written out, each right") {
  StageTester t("normalize", {{"mean", 1e6}, {"std", 3}});
  t.push("in", rows<std::uint8_t>({1}, {0, 1, 255}));
  const Tensor y = t.pop().tensor();
  CHECK(y.spec().encoding.kind == EncodingKind::dense);
  CHECK(y.f32()[1] == static_cast<float>((1 - 1e6) / 3));
}

TEMPLATE_TEST_CASE("The mean comes off before anything is rounded", "", float, double, std::int32_t) {
  StageTester t("normalize", {{"mean", 100000}, {"std", 3}});
  t.push("in", rows<TestType>({1}, {100000, 100001, 99998}, ValueRange{99998, 100001}));
  const Tensor y = t.pop().tensor();
  CHECK(y.f32()[0] == 0.0F);
  CHECK(y.f32()[1] == static_cast<float>(1.0 / 3));
  CHECK(y.f32()[2] == static_cast<float>(-2.0 / 3));
  CHECK(t.output_spec("out").only().range == ValueRange{static_cast<float>(-2.0 / 3), static_cast<float>(1.0 / 3)});
}

TEST_CASE("What a float32 does not hold is not rounded to one first") {
  StageTester doubles("normalize", {{"mean", 1e9}, {"std", 0.5}}),
      integers("normalize", {{"mean", 16777216}, {"std", 1}});
  StageTester shifted("normalize", {{"scale", 1}, {"offset", -16777216}});
  doubles.push("in", rows<double>({1}, {1e9 + 0.25}));
  integers.push("in", rows<std::int32_t>({1}, {16777217}));
  shifted.push("in", rows<std::int32_t>({1}, {16777217}));
  CHECK(doubles.pop().tensor().f32()[0] == 0.5F);
  CHECK(integers.pop().tensor().f32()[0] == 1.0F);
  CHECK(shifted.pop().tensor().f32()[0] == 1.0F);
}

TEST_CASE("The value is the product and the sum, each rounded") {
  StageTester t("normalize", {{"scale", 0.1}, {"offset", 0.3}});
  t.push("in", rows<std::uint8_t>({1}, {0, 3, 255}));
  const Tensor y = t.pop().tensor();
  volatile float product = 255.0F * 0.1F;
  CHECK(y.f32()[0] == 0.3F);
  CHECK(y.f32()[2] == product + 0.3F);
}

TEST_CASE("Pixels over 255 go from exactly 0 to exactly 1") {
  StageTester t("normalize", {{"scale", 1.0 / 255}});
  t.push("in", rows<std::uint8_t>({1}, {0, 255}, ValueRange{0, 255}));
  const Packet packet = t.pop();
  CHECK(packet.tensor().f32()[0] == 0.0F);
  CHECK(packet.tensor().f32()[1] == 1.0F);
  CHECK(t.output_spec("out").only().range == ValueRange{0, 1});
  CHECK(t.output_spec("out").only().dtype == DType::f32);
}

TEST_CASE("A negative scale turns the range around") {
  StageTester t("normalize", {{"scale", -1}, {"offset", 255}});
  t.input("in", port(DType::u8, ValueRange{0, 200}));
  CHECK(t.output_spec("out").only().range == ValueRange{55, 255});
}

TEST_CASE("Mean and standard deviation of any numbers") {
  StageTester t("normalize", {{"mean", 10}, {"std", 4}});
  t.push("in", rows<std::int32_t>({2}, {2, 10, 14, -6}));
  const Tensor y = t.pop().tensor();
  CHECK(std::vector<float>(y.f32().begin(), y.f32().end()) == std::vector<float>{-2, 0, 1, -4});
}

TEST_CASE("Normalizing twice is found by the range, scale alone counts") {
  const PortSpec unit = port(DType::f32, ValueRange{0, 1});
  const auto twice = errors_of({{"scale", 1.0 / 255}}, unit);
  REQUIRE(twice.size() == 1);
  CHECK(twice[0].name == "normalized-twice");
  CHECK(twice[0].site.path == "scale");
  CHECK(errors_of({{"mean", 0.13}, {"std", 0.3}}, unit).empty());
  CHECK(errors_of({{"mean", 0.5}, {"std", 2}}, unit).empty());
  CHECK(errors_of({{"scale", 2}, {"offset", -1}}, unit).empty());
  CHECK(errors_of({{"scale", 0.5}}, port(DType::f32, ValueRange{-1.5, 1})).empty());
  CHECK(errors_of({{"scale", 0.5}}, port(DType::f32, {})).empty());
}

TEST_CASE("Two normalize stages in a row are found through the first one's output") {
  StageTester first("normalize", {{"scale", 1.0 / 255}});
  first.input("in", port(DType::u8, ValueRange{0, 255}));
  const auto errors = errors_of({{"scale", 1.0 / 255}}, first.output_spec("out"));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "normalized-twice");
}

TEST_CASE("Normalizing encoded bytes again gives floats") {
  StageTester first("normalize", {{"scale", 1.0 / 255}}), second("normalize", {{"mean", 0.5}, {"std", 0.5}});
  first.push("in", rows<std::uint8_t>({1}, {0, 255}, ValueRange{0, 255}));
  second.push("in", first.pop().tensor());
  const Tensor y = second.pop().tensor();
  CHECK(y.spec().encoding.kind == EncodingKind::dense);
  CHECK(y.f32()[0] == -1.0F);
  CHECK(y.f32()[1] == 1.0F);
}

TEST_CASE("A scale or an offset that float32 does not hold is refused with the parameters") {
  for (const double wrong : {1e-60, 1e60}) {
    CHECK(error_of([&] { StageTester("normalize", {{"scale", wrong}}); }).name() == "out-of-range");
    CHECK(error_of([&] { StageTester("normalize", {{"scale", 1}, {"offset", wrong}}); }).name() == "out-of-range");
  }
}

TEST_CASE("Parameters of normalize must make one formula") {
  const auto [params, name, path] = GENERATE(
      table<ParamValue::Map, std::string, std::string>({{{}, "missing-parameter", ""},
                                                        {{{"mean", 1}}, "missing-parameter", ""},
                                                        {{{"offset", 1}}, "missing-parameter", ""},
                                                        {{{"scale", 1}, {"mean", 1}}, "conflicting-parameters", "mean"},
                                                        {{{"scale", 2}, {"std", 1}}, "conflicting-parameters", "std"},
                                                        {{{"scale", 0}}, "out-of-range", "scale"},
                                                        {{{"std", 1e-60}}, "out-of-range", "std"}}));
  const auto errors = errors_of(params, port(DType::u8, ValueRange{0, 255}));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == name);
  CHECK(errors[0].site.path == path);
  CHECK_FALSE(errors[0].help.empty());
}

TEST_CASE("A standard deviation of 0 or less is out of range") {
  CHECK(error_of([] { StageTester("normalize", {{"std", 0}}); }).name() == "out-of-range");
  CHECK(error_of([] { StageTester("normalize", {{"std", -1}}); }).name() == "out-of-range");
}

TEST_CASE("Classes are not quantities") {
  TensorSpec names{DType::i32, {}, ValueRange{0, 2}, {}, {"red", "green", "blue"}};
  const auto errors = errors_of({{"scale", 2}}, PortSpec::single(names, 4, 2));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "dtype-mismatch");
}
