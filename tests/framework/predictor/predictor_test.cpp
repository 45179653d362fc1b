// What comes out: preparation, bits, classes, several rows, several threads, and what rows are refused.
#include "error_of.hpp"
#include "used_models.hpp"

#include <millrace/predictor.hpp>

#include <array>
#include <cmath>
#include <thread>

using namespace millrace;
using namespace millrace::testing;
using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

namespace {

/// Of a checkpoint that is written for it.
struct Made {
  explicit Made(const ModelUse& use, const PredictorOptions& options = {})
      : predictor(write_used(folder.path() + "/model.safetensors", use), options) {}
  TempFolder folder;
  Predictor predictor;
};

/// 6 -> 5 (tanh) -> 3 (softmax).
std::shared_ptr<const ModelSpec> classes_model() {
  return std::make_shared<const ModelSpec>(
      ModelSpec{6, {dense_layer(6, 5, Activation::tanh, 0), dense_layer(5, 3, Activation::softmax, 35)}});
}

template <class T>
float prepared(T value, std::vector<RowStep> steps, DType dtype) {
  const auto line = std::make_shared<const ModelSpec>(ModelSpec{1, {dense_layer(1, 1, Activation::linear, 0, false)}});
  const Made made(use_of(line, {dtype, {}, std::move(steps)}));  // its weight is 1
  return made.predictor.predict(std::vector<T>{value}).front();
}

RowStep convert(DType to) { return {RowOp::convert, to, 0}; }
RowStep step(RowOp op, double operand) { return {op, DType::f32, operand}; }

}  // namespace

TEST_CASE("A row of bytes is prepared as the run prepares it, and the model computed") {
  const Made made(use_of(small_model(), halved_bytes()));
  CHECK(made.predictor.row().dtype == DType::u8);
  CHECK(made.predictor.row().row_shape == RowShape{1, 2});
  CHECK(made.predictor.outputs() == 1);
  const Prediction one = made.predictor(Bytes{4, 10});
  CHECK(one.values == Floats{small_output(1, 4)});
  CHECK(one.class_id == -1);
  CHECK(made.predictor.predict(Bytes{4, 10, 0, 255}) == Floats{small_output(1, 4), small_output(-1, 126.5F)});
  CHECK(made.predictor.predict(std::array<std::uint8_t, 2>{4, 10}) == Floats{small_output(1, 4)});
  CHECK(made.predictor.predict(Bytes{}).empty());
}

TEST_CASE("Steps compute in the type that a value has by then, each with one rounding") {
  CHECK(prepared<std::uint8_t>(
            7, {convert(DType::f32), step(RowOp::multiply, static_cast<double>(0.1F)), step(RowOp::add, 3)},
            DType::u8) == 7.0F * 0.1F + 3.0F);
  CHECK(prepared<std::int8_t>(-7, {convert(DType::f32)}, DType::i8) == -7.0F);
  CHECK(prepared<std::int16_t>(-30000, {convert(DType::f32), step(RowOp::divide, 7)}, DType::i16) == -30000.0F / 7.0F);
  CHECK(prepared<std::int32_t>(16777217, {convert(DType::f64), step(RowOp::subtract, 16777216), convert(DType::f32)},
                               DType::i32) == 1.0F);
  CHECK(prepared<std::int32_t>(16777217, {convert(DType::f32), step(RowOp::subtract, 16777216)}, DType::i32) == 0.0F);
  CHECK(prepared<double>(0.1, {step(RowOp::multiply, 0.1)}, DType::f64) == static_cast<float>(0.1 * 0.1));
  CHECK(prepared<float>(0.1F, {step(RowOp::multiply, static_cast<double>(0.1F))}, DType::f32) == 0.1F * 0.1F);
  CHECK(prepared<float>(0.1F, {}, DType::f32) == 0.1F);
  CHECK(prepared<std::int32_t>(5, {}, DType::i32) == 5.0F);
}

TEST_CASE("More values than are computed at once are each prepared") {
  const auto wide =
      std::make_shared<const ModelSpec>(ModelSpec{1000, {dense_layer(1000, 1, Activation::linear, 0, false)}});
  const Made made(
      use_of(wide, {DType::i32, {1000}, {convert(DType::f64), step(RowOp::multiply, 2), convert(DType::f32)}}));
  std::vector<std::int32_t> row(1000, 0);
  row[0] = 1;
  row[255] = 10;
  row[256] = 100;
  row[999] = 1000;
  CHECK(made.predictor.predict(row) == Floats{2 * (1 + 256 * 10 + 257 * 100 + 1000 * 1000)});
}

TEST_CASE("A softmax gives the most likely class and its name") {
  ModelUse use = use_of(classes_model(), {DType::f32, {2, 3}});
  const Made unnamed(use);
  const Floats row{0.1F, -0.2F, 0.3F, -0.4F, 0.5F, -0.6F};
  const Prediction one = unnamed.predictor(row);
  REQUIRE(one.values.size() == 3);
  CHECK(std::abs(one.values[0] + one.values[1] + one.values[2] - 1) < 1e-6F);
  REQUIRE(one.class_id >= 0);
  CHECK(one.values[static_cast<std::size_t>(one.class_id)] == *std::max_element(one.values.begin(), one.values.end()));
  CHECK(one.class_name.empty());
  use.classes = {"ankle boot", "bag", "coat"};
  const Made named(use);
  CHECK(named.predictor(row).class_name == use.classes.at(static_cast<std::size_t>(one.class_id)));
  CHECK(named.predictor.classes() == use.classes);
}

TEST_CASE("Rows in one call have the bits of the batches that the run measures with, on several threads too") {
  const Made made(use_of(classes_model(), {DType::u8, {6}, {convert(DType::f32), step(RowOp::multiply, 0.125)}}));
  constexpr std::size_t kRows = 11, kWidth = 6;  // two batches of 4, one of 3
  Bytes rows(kRows * kWidth);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(i * 37 % 251);
  const Floats all = made.predictor.predict(rows);
  Floats pieces;
  for (std::size_t first = 0; first < kRows; first += 4) {
    const std::span piece = std::span(rows).subspan(first * kWidth, std::min<std::size_t>(4, kRows - first) * kWidth);
    for (const float value : made.predictor.predict(piece)) pieces.push_back(value);
  }
  CHECK(pieces == all);
  std::vector<Floats> found(8);
  std::vector<std::thread> threads;
  for (Floats& here : found)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) here = made.predictor.predict(rows);
    });
  for (std::thread& thread : threads) thread.join();
  for (const Floats& here : found) CHECK(here == all);
}

TEST_CASE("A row alone gives the same bits each time") {
  const Made made(use_of(classes_model(), {DType::f32, {6}}));
  const Floats row{1, 2, 3, 4, 5, 6}, first = made.predictor.predict(row);
  for (int i = 0; i < 10; ++i) CHECK(made.predictor.predict(row) == first);
}

TEST_CASE("Calls of few rows and of many give the same, whichever come first") {
  ModelUse use = use_of(classes_model(), {DType::u8, {6}, {convert(DType::f32)}});
  use.batch_rows = 2'000'000'000;  // memory is taken for what comes, not for what is said
  const Made made(use);
  const Bytes one{1, 2, 3, 4, 5, 6}, three{1, 2, 3, 4, 5, 6, 9, 8, 7, 6, 5, 4, 0, 0, 0, 255, 1, 1};
  const Floats first = made.predictor.predict(one), many = made.predictor.predict(three);
  CHECK(made.predictor.predict(one) == first);
  CHECK(made.predictor.predict(three) == many);
}

TEST_CASE("A caller who prepares rows himself gives float32 inputs") {
  const Made made(use_of(small_model(), halved_bytes()), {.node = {}, .is_prepared = true});
  CHECK(made.predictor.row().row_shape == RowShape{2});
  CHECK(made.predictor.predict(Floats{1, 4}) == Floats{small_output(1, 4)});
}

TEST_CASE("Rows that cannot be prepared here are refused with the reason, unless they come prepared") {
  ModelUse use = use_of(small_model(), halved_bytes());
  use.rows.reset();
  use.why_no_rows = "node `moved` has stage `random_affine`";
  const Error error = error_of([&] { const Made made(use); });
  CHECK(error.name() == "model-rows");
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(), Catch::Matchers::ContainsSubstring("node `moved` has stage `random_affine`"));
  const Made made(use, {.node = {}, .is_prepared = true});
  CHECK(made.predictor.predict(Floats{1, 4}) == Floats{small_output(1, 4)});
}

TEST_CASE("Other rows than those of the model are refused, and nothing is written") {
  const Made made(use_of(small_model(), halved_bytes()));
  Floats out{-5};
  CHECK(error_of([&] { made.predictor.predict(Floats{1, 2}, out); }).name() == "wrong-rows");
  CHECK(error_of([&] { made.predictor.predict(Bytes{1, 2, 3}, out); }).name() == "wrong-rows");
  CHECK(error_of([&] { made.predictor.predict(Bytes{1, 2, 3, 4}, out); }).name() == "shape-mismatch");
  CHECK(out == Floats{-5});
  CHECK(error_of([&] { made.predictor(Bytes{1, 2, 3, 4}); }).name() == "wrong-rows");
  CHECK_THAT(error_of([&] {
               made.predictor(Floats{1, 2});
             }).message(),
             Catch::Matchers::ContainsSubstring("2 values of f32 are no rows of u8 [n, 1, 2]"));
}

TEST_CASE("A predictor that is moved goes on") {
  Made made(use_of(small_model(), halved_bytes()));
  const Predictor moved = std::move(made.predictor);
  CHECK(moved.predict(Bytes{4, 10}) == Floats{small_output(1, 4)});
}
