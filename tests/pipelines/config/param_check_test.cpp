// What is wrong with a parameter has one name, whether a config says it or a test gives it.
#include "config/params/param_check.hpp"
#include "catch.hpp"
#include "config/document/yaml_parser.hpp"

#include <millrace/error.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <limits>
#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

std::vector<Param> schema() {
  using T = ParamType;
  return {
      Param("count", T::integer().at_least(1).at_most(9), "How many."),
      Param("rate", T::number().above(0).below(1), "How fast.").or_default(0.5),
      Param("small", T::float32(), "How small.").optional(),
      Param("name", T::text(), "Who.").optional(),
      Param("loud", T::boolean(), "Whether.").or_default(false),
      Param("kind", T::one_of({{"plain", "", {}}, {"fancy", "", {Param("level", T::integer(), "").or_default(3)}}}),
            "What.")
          .or_default("plain"),
      Param("list", T::list(T::any_of({T::integer(), T::text()})).length(1, 2), "Items.").optional(),
      Param("table", T::map(T::list(T::number())), "Columns.").optional(),
      Param("place", T::record({Param("x", T::integer(), ""), Param("y", T::integer(), "").or_default(1)}), "Where.")
          .optional(),
      Param("mode", T::choice({"on", "off"}), "Whether.").or_default("on")};
}

/// The first error of the config, or the value.
std::string of_config(const std::string& text) {
  Diagnostics diagnostics;
  const auto document = read_value(text, "test", diagnostics);
  REQUIRE(document);
  const ParamValue value = check_params(*document, schema(), {"stage `s`", "s"}, {}, diagnostics);
  return diagnostics.empty() ? value.render() : diagnostics.sorted().front().name;
}

std::string of_test(const ParamValue::Map& params) {
  try {
    return testing::complete_params(schema(), params).render();
  } catch (const Error& error) {
    return error.name();
  }
}

struct Case {
  std::string text;
  ParamValue::Map params;
  std::string name;  ///< empty: both are the same value
};

TEST_CASE("a config and a test are told the same of their parameters") {
  using List = ParamValue::List;
  using Map = ParamValue::Map;
  const double infinite = std::numeric_limits<double>::infinity();
  const std::vector<Case> cases{
      {"{count: 2}", {{"count", 2}}, ""},
      {"{count: 2, kind: fancy, list: [1, a], place: {x: 3}}",
       {{"count", 2}, {"kind", "fancy"}, {"list", List{1, "a"}}, {"place", Map{{"x", 3}}}},
       ""},
      {"{count: 2, kind: {fancy: {level: 4}}, table: {a: [1, 2.5]}}",
       {{"count", 2}, {"kind", Map{{"fancy", Map{{"level", 4}}}}}, {"table", Map{{"a", List{1, 2.5}}}}},
       ""},
      {"{count: 2, name: null}", {{"count", 2}, {"name", ParamValue()}}, ""},
      {"{}", {}, "missing-parameter"},
      {"{count: 2, xyzzy: 2}", {{"count", 2}, {"xyzzy", 2}}, "unknown-parameter"},
      {"{count: 0}", {{"count", 0}}, "out-of-range"},
      {"{count: 10}", {{"count", 10}}, "out-of-range"},
      {"{count: 1.5}", {{"count", 1.5}}, "wrong-type"},
      {"{count: [1]}", {{"count", List{1}}}, "wrong-type"},
      {"{count: null}", {{"count", ParamValue()}}, "wrong-type"},
      {"{count: \"2\"}", {{"count", "2"}}, "wrong-type"},
      {"{count: 2, rate: 1}", {{"count", 2}, {"rate", 1}}, "out-of-range"},
      {"{count: 2, rate: .inf}", {{"count", 2}, {"rate", infinite}}, "not-finite"},
      {"{count: 2, small: 1e300}", {{"count", 2}, {"small", 1e300}}, "out-of-range"},
      {"{count: 2, loud: maybe}", {{"count", 2}, {"loud", "maybe"}}, "wrong-type"},
      {"{count: 2, list: []}", {{"count", 2}, {"list", List{}}}, "wrong-length"},
      {"{count: 2, list: [1, 2, 3]}", {{"count", 2}, {"list", List{1, 2, 3}}}, "wrong-length"},
      {"{count: 2, list: [[1]]}", {{"count", 2}, {"list", List{List{1}}}}, "wrong-type"},
      {"{count: 2, kind: odd}", {{"count", 2}, {"kind", "odd"}}, "unknown-choice"},
      {"{count: 2, kind: {odd: {}}}", {{"count", 2}, {"kind", Map{{"odd", Map{}}}}}, "unknown-choice"},
      {"{count: 2, kind: {plain: {}, fancy: {}}}",
       {{"count", 2}, {"kind", Map{{"plain", Map{}}, {"fancy", Map{}}}}},
       "wrong-length"},
      {"{count: 2, kind: {fancy: {lvl: 1}}}",
       {{"count", 2}, {"kind", Map{{"fancy", Map{{"lvl", 1}}}}}},
       "unknown-parameter"},
      {"{count: 2, kind: {fancy: 3}}", {{"count", 2}, {"kind", Map{{"fancy", 3}}}}, "wrong-type"},
      {"{count: 2, mode: maybe}", {{"count", 2}, {"mode", "maybe"}}, "unknown-choice"},
      {"{count: 2, place: {y: 1}}", {{"count", 2}, {"place", Map{{"y", 1}}}}, "missing-parameter"},
      {"{count: 2, table: {a: [x]}}", {{"count", 2}, {"table", Map{{"a", List{"x"}}}}}, "wrong-type"},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    CHECK(of_config(one.text) == of_test(one.params));
    if (!one.name.empty()) CHECK(of_config(one.text) == one.name);
  }
}

}  // namespace
}  // namespace millrace::pipelines
