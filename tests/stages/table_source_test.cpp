// Tables written in a config: columns of numbers, vectors and texts, sent in blocks, and every cell that does not fit named by its path.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/random.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>

using namespace millrace;
using namespace millrace::testing;

namespace {

ParamValue::Map columns(ParamValue::Map map, ParamValue::Map more = {}) {
  more.insert(more.begin(), {"columns", std::move(map)});
  return more;
}

std::vector<InferError> errors_of(ParamValue::Map params) {
  return StageTester("table_source", std::move(params)).infer();
}

std::vector<float> values_of(const Packet& packet) {
  return {packet.tensor().f32().begin(), packet.tensor().f32().end()};
}

}  // namespace

TEST_CASE("Every column is an output") {
  StageTester t("table_source", columns({{"x", ParamValue::List{0, 1.5, -2}}, {"y", ParamValue::List{10, 20, 25}}}));
  t.pull();
  const Packet x = t.pop("x"), y = t.pop("y");
  CHECK(values_of(x) == std::vector<float>{0, 1.5F, -2});
  CHECK(values_of(y) == std::vector<float>{10, 20, 25});
  CHECK(x.header.last_in_epoch);
  CHECK(std::vector<std::uint64_t>(x.sample_ids().begin(), x.sample_ids().end()) ==
        std::vector<std::uint64_t>{0, 1, 2});
  CHECK(t.output_spec("x").only() == TensorSpec{DType::f32, {1}, ValueRange{-2, 1.5}, {}, {}});
  CHECK(t.output_spec("x").rows_per_epoch == 3);
}

TEST_CASE("Texts become class ids in the order in which they appear") {
  StageTester t("table_source", columns({{"color", ParamValue::List{"red", "green", "blue", "green"}}}));
  t.pull();
  const Packet packet = t.pop("color");
  const auto ids = packet.tensor().stored<std::int32_t>();
  CHECK(std::vector<int>(ids.begin(), ids.end()) == std::vector<int>{0, 1, 2, 1});
  CHECK(packet.tensor().spec().class_names == std::vector<std::string>{"red", "green", "blue"});
  CHECK(packet.tensor().spec().row_shape.empty());
  CHECK(packet.tensor().spec().range == ValueRange{0, 2});
}

TEST_CASE("Colors go through one_hot in the order of the columns that was asked for") {
  StageTester table("table_source", columns({{"color", ParamValue::List{"red", "green", "blue", "green"}}}));
  StageTester one_hot("one_hot", {{"classes", ParamValue::List{"red", "blue", "green"}}});
  one_hot.push("in", (table.pull(), table.pop("color").tensor()));
  CHECK(values_of(one_hot.pop()) == std::vector<float>{1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1});
}

TEST_CASE("A column may hold vectors, and integers where asked for") {
  StageTester t("table_source", columns({{"x", ParamValue::List{ParamValue::List{0, 1}, ParamValue::List{1, 0}}},
                                         {"label", ParamValue::List{1, 0}}},
                                        {{"dtypes", ParamValue::Map{{"label", "i32"}}}}));
  t.pull();
  CHECK(t.output_spec("x").only().row_shape == RowShape{2});
  CHECK(values_of(t.pop("x")) == std::vector<float>{0, 1, 1, 0});
  CHECK(t.output_spec("label").only() == TensorSpec{DType::i32, {}, ValueRange{0, 1}, {}, {}});
  CHECK(t.pop("label").tensor().stored<std::int32_t>()[0] == 1);
}

TEST_CASE("Rows come in blocks, epoch after epoch, shuffled when asked for") {
  ParamValue::List values;
  for (int i = 0; i < 10; ++i) values.emplace_back(10 * i);
  const bool shuffle = GENERATE(false, true);
  StageTester t("table_source", columns({{"x", values}}, {{"block_rows", 4}, {"shuffle", shuffle}}));
  std::vector<std::vector<std::uint64_t>> epochs(2);
  for (auto& ids : epochs)
    for (const std::int64_t expected : {4, 4, 2}) {
      const Packet packet = (t.pull(), t.pop("x"));
      CHECK(packet.rows == expected);
      CHECK(packet.header.first_row == ids.size());
      CHECK(packet.header.last_in_epoch == (expected == 2));
      for (std::size_t i = 0; i < packet.sample_ids().size(); ++i)
        CHECK(packet.tensor().f32()[i] == static_cast<float>(10 * packet.sample_ids()[i]));
      ids.insert(ids.end(), packet.sample_ids().begin(), packet.sample_ids().end());
    }
  CHECK((epochs[0] != epochs[1]) == shuffle);
  for (auto& ids : epochs) {
    std::sort(ids.begin(), ids.end());
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(ids[i] == i);
  }
}

TEST_CASE("Shuffled rows come in the order that RowOrder has for them") {
  const auto rows = GENERATE(std::int64_t{100}, kMostListedRows + 1);
  StageTester t("table_source", columns({{"x", ParamValue::List(static_cast<std::size_t>(rows), 0)}},
                                        {{"shuffle", true}, {"block_rows", 1 << 24}}));
  t.seed(7);
  RowOrder order(Random(7, "shuffle"), rows);
  order.begin_epoch(1);
  const Packet packet = (t.pull(), t.pop("x"));
  std::vector<std::uint64_t> expected(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] = static_cast<std::uint64_t>(order.row(static_cast<std::int64_t>(i)));
  CHECK(std::ranges::equal(packet.sample_ids(), expected));
}

TEST_CASE("A table that does not fit together is refused with the place") {
  struct Case {
    ParamValue::Map params;
    std::string name, path;
  };
  const ParamValue::List two{1, 2}, three{1, 2, 3};
  const std::vector<Case> cases{
      {columns({}), "missing-parameter", "columns"},
      {columns({{"x", two}, {"y", three}}), "rows-mismatch", "columns.y"},
      {columns({{"x", ParamValue::List{1, "a"}}}), "dtype-mismatch", "columns.x.1"},
      {columns({{"x", ParamValue::List{"a", 1}}}), "dtype-mismatch", "columns.x.1"},
      {columns({{"x", ParamValue::List{ParamValue::List{1, 2}, 3}}}), "shape-mismatch", "columns.x.1"},
      {columns({{"x", ParamValue::List{1.5}}}, {{"dtypes", ParamValue::Map{{"x", "i32"}}}}), "dtype-mismatch",
       "columns.x.0"},
      {columns({{"x", ParamValue::List{3e9}}}, {{"dtypes", ParamValue::Map{{"x", "i32"}}}}), "dtype-mismatch",
       "columns.x.0"},
      {columns({{"x", two}}, {{"dtypes", ParamValue::Map{{"z", "i32"}}}}), "unknown-column", "dtypes.z"}};
  for (const Case& c : cases) {
    CAPTURE(c.name, c.path);
    const auto errors = errors_of(c.params);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].name == c.name);
    CHECK(errors[0].site.path == c.path);
  }
  CHECK(error_of([] { StageTester("table_source", columns({{"x", ParamValue::List{}}})); }).name() == "wrong-length");
}

TEST_CASE("A number that the column's type does not hold is refused at its cell") {
  const auto huge = errors_of(columns({{"x", ParamValue::List{1, 1e39}}}));
  REQUIRE(huge.size() == 1);
  CHECK(huge[0].name == "out-of-range");
  CHECK(huge[0].site.path == "columns.x.1");
  CHECK(errors_of(columns({{"x", ParamValue::List{1e300}}})).size() == 1);
  CHECK(errors_of(columns({{"x", ParamValue::List{1e-60}}})).size() == 1);
  const ParamValue::Map i32{{"dtypes", ParamValue::Map{{"x", "i32"}}}};
  CHECK(errors_of(columns({{"x", ParamValue::List{-2147483649.0}}}, i32)).size() == 1);
  CHECK(errors_of(columns({{"x", ParamValue::List{2147483648.0}}}, i32)).size() == 1);
  StageTester t("table_source", columns({{"x", ParamValue::List{-2147483648.0, 2147483647.0}}}, i32));
  t.pull();
  CHECK(t.pop("x").tensor().stored<std::int32_t>()[0] == INT32_MIN);
}

TEST_CASE("An integer that float32 would round is refused with the type that keeps it") {
  const ParamValue::List values{1, 1700000001};
  const auto rounded = errors_of(columns({{"x", values}}));
  REQUIRE(rounded.size() == 1);
  CHECK(rounded[0].name == "out-of-range");
  CHECK(rounded[0].site.path == "columns.x.1");
  CHECK_THAT(rounded[0].help, Catch::Matchers::ContainsSubstring("`dtypes: {x: i32}`"));
  StageTester t("table_source", columns({{"x", values}}, {{"dtypes", ParamValue::Map{{"x", "i32"}}}}));
  CHECK((t.pull(), t.pop("x").tensor().stored<std::int32_t>()[1]) == 1700000001);
  const auto beyond = errors_of(columns({{"x", ParamValue::List{std::int64_t{9007199254740993}}}}));
  REQUIRE(beyond.size() == 1);
  CHECK(beyond[0].help == "write 9007199254740993.0 if it may be rounded");
  CHECK(errors_of(columns({{"x", ParamValue::List{16777216, 16777217.0, 0.1}}})).empty());
}

TEST_CASE("A column of very many texts is read, and its classes found, in a time that grows with it only") {
  constexpr int kTexts = 200'000;  // by comparing each with all others this would take minutes
  ParamValue::List texts, classes;
  for (int i = 0; i < kTexts; ++i) texts.emplace_back("text " + std::to_string(i));
  classes.assign(texts.rbegin(), texts.rend());
  StageTester table("table_source", columns({{"x", std::move(texts)}})),
      one_hot("one_hot", {{"classes", std::move(classes)}});
  table.pull();
  one_hot.push("in", table.pop("x").tensor());
  CHECK(one_hot.pop().tensor().stored<std::int32_t>()[0] == kTexts - 1);
}
