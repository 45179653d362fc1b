// The text about a model's use: what is written is read, and what nobody would write is refused.
#include "error_of.hpp"
#include "used_models.hpp"

using namespace millrace;
using namespace millrace::testing;

namespace {

ModelUse full_use() {
  ModelUse use = use_of(small_model(), {DType::i32,
                                        {1, 2},
                                        {{RowOp::convert, DType::f64, 0},
                                         {RowOp::subtract, {}, 0.1},
                                         {RowOp::divide, {}, 1e-300},
                                         {RowOp::convert, DType::f32, 0},
                                         {RowOp::multiply, {}, static_cast<double>(1.0F / 255.0F)},
                                         {RowOp::add, {}, -2}}});
  use.loss = Loss::binary_crossentropy;
  use.classes = {"a \"quoted\" one"};
  return use;
}

Error refusal(const std::string& text) {
  return error_of([&] { parse_model_use(text, "model.safetensors"); });
}

/// The full text with `from` replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = model_use_text(full_use());
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("What is written is read, number by number") {
  const std::string text = model_use_text(full_use());
  const ModelUse use = parse_model_use(text, "file");
  CHECK(model_use_text(use) == text);
  REQUIRE(use.rows);
  CHECK(use.rows->dtype == DType::i32);
  CHECK(use.rows->row_shape == RowShape{1, 2});
  REQUIRE(use.rows->steps.size() == 6);
  CHECK(use.rows->steps[1].operand == 0.1);
  CHECK(use.rows->steps[4].operand == static_cast<double>(1.0F / 255.0F));
  CHECK(use.batch_rows == 4);
  CHECK(use.loss == Loss::binary_crossentropy);
  CHECK(use.classes == full_use().classes);
  REQUIRE(use.model->layers.size() == 3);
  const auto model = small_model();
  for (std::size_t i = 0; i < 3; ++i) {
    const LayerSpec &found = use.model->layers[i], &written = model->layers[i];
    CHECK(found.kind == written.kind);
    CHECK(found.inputs == written.inputs);
    CHECK(found.outputs == written.outputs);
    CHECK(found.activation == written.activation);
    CHECK(found.rate == written.rate);
    CHECK(found.kernel_offset == written.kernel_offset);
    CHECK((found.kind == LayerKind::dropout || found.use_bias == written.use_bias));
  }
}

TEST_CASE("Rows that nobody can prepare come with the reason") {
  ModelUse use = full_use();
  use.rows.reset();
  use.why_no_rows = "node `a` has\nstage `b`";
  const ModelUse found = parse_model_use(model_use_text(use), "file");
  CHECK(!found.rows);
  CHECK(found.why_no_rows == use.why_no_rows);
}

TEST_CASE("A text of a later release, and one that is none, is refused with the file's name") {
  CHECK_THAT(
      refusal(changed("\"v\":1", "\"v\":2")).message(),
      Catch::Matchers::ContainsSubstring("model.safetensors") && Catch::Matchers::ContainsSubstring("later release"));
  for (const char* text : {"", "{", "[]", "null", "{\"v\":1}", "{\"v\":1,\"inputs\":2,\"layers\":[]"})
    CHECK(refusal(text).name() == "model-use");
  const std::string whole = model_use_text(full_use());
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK(refusal(whole.substr(0, length)).name() == "model-use");
  CHECK(refusal(whole + "x").name() == "model-use");
}

TEST_CASE("Numbers that fit nothing are refused, and none overflows") {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\"inputs\":2", "\"inputs\":0"},
      {"\"inputs\":2", "\"inputs\":-2"},
      {"\"inputs\":2", "\"inputs\":9223372036854775807"},
      {"\"inputs\":2", "\"inputs\":3"},
      {"\"dense\":3", "\"dense\":2147483649"},
      {"\"dense\":3", "\"dense\":1e99"},
      {"\"relu\"", "\"gelu\""},
      {"binary_crossentropy", "hinge"},
      {"\"batch_rows\":4", "\"batch_rows\":0"},
      {"\"shape\":[1,2]", "\"shape\":[2147483648,2147483648,2147483648,2]"},
      {"\"shape\":[1,2]", "\"shape\":[0,2]"},
      {"\"rows\":\"i32\"", "\"rows\":\"i64\""},
      {"[\"convert\",\"f64\"],", ""},
      {"[\"convert\",\"f64\"]", "[\"convert\",\"u8\"]"},
      {"\"divide\"", "\"power\""},
      {"0.1", "1e999"},
      {"0.1", "\"nan\""}};
  for (const auto& [from, to] : changes) {
    INFO(from << " -> " << to);
    CHECK(refusal(changed(from, to)).name() == "model-use");
  }
}
