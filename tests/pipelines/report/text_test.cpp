// Reports and comparisons as text: lines that fit, and charts.
#include "catch.hpp"
#include "diagnostics/text_cells.hpp"
#include "made_record.hpp"
#include "report/text/comparison_text.hpp"
#include "report/text/report_text.hpp"
#include "report/text/text_chart.hpp"
#include "report/text/text_columns.hpp"

#include <cmath>
#include <sstream>

using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

std::size_t widest_of(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, cells_of(line));
  return widest;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("lines and tables are no wider than a page", "[report_text]") {
  CHECK(in_lines("aaa bbb", 2) == "  aaa bbb\n");
  CHECK(widest_of(in_lines(std::string(500, 'x') + " " + std::string(79, 'y'), 4)) == 80);
  const std::string wide(200, 'w');
  CHECK(widest_of(text_table({{wide, "1", "2"}, {"b", "3", "4"}}, 2)) <= 80);
  const std::string many = text_table({std::vector<std::string>(40, "12345")}, 2);
  CHECK(widest_of(many) <= 80);
  CHECK(has(many, "columns more"));
}

TEST_CASE("a chart has ticks, epochs and a legend, with and without Unicode", "[report_text]") {
  const Curve falling = curve("val_loss", {5, 4, 3, 2, 1}), flat = curve("loss", {2, 2, 2, 2, 2});
  const std::string plain = text_chart({{&falling, "val_loss", 0}, {&flat, "loss", 0}}, {60, 8, false});
  CHECK(widest_of(plain) <= 60);
  CHECK(std::all_of(plain.begin(), plain.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  CHECK(has(plain, "# val_loss 1   . loss 2"));
  const std::string blocks = text_chart({{&falling, "val_loss", 0}}, {60, 8, true});
  CHECK(has(blocks, "▄"));
  CHECK(widest_of(blocks) <= 60);
  const Curve never = curve("loss", {NAN});
  CHECK(text_chart({{&never, "loss", 0}}, {60, 8, true}).empty());
}

TEST_CASE("a report fits whatever its names are", "[report_text]") {
  const std::string name = std::string(120, 'n') + "\x1b[31m漢字\n";
  RunRecord run = record({curve(name + "val_loss", {3, 2, 1}), curve("loss", {3, 2, 1})});
  run.name = name;
  run.nodes = {{name, name, {}, 1, 1, 1, 1}};
  run.models = {{name, std::string(64, 'a'), 1, 2, {{name, name, 3, 4}}}};
  run.warnings = {{name, name, name, name, name, 2}};
  run.attempts = {{1, name, name, name, 1, 2}, {2, name, name, name, {}, {}}};
  for (const bool unicode : {false, true}) {
    const std::string text = report_text(run, unicode);
    CHECK(widest_of(text) <= 80);
    CHECK_FALSE(has(text, "\x1b"));
  }
}

TEST_CASE("runs are compared by what differs", "[report_text]") {
  const RunRecord a = record({curve("val_loss", {3, 2, 1})}), b = record({curve("val_loss", {3, 2.5, 2})});
  const std::vector<ComparedRun> runs{{a, {{"seed", "1"}, {"epochs", "3"}}},
                                      {b, {{"seed", "2"}, {"epochs", "3"}, {"more", "x"}}}};
  const std::vector<Difference> found = config_differences(runs);
  REQUIRE(found.size() == 2);
  CHECK((found[0].path == "seed" && found[0].values == std::vector<std::string>{"1", "2"}));
  CHECK((found[1].path == "more" && found[1].values == std::vector<std::string>{"", "x"}));
  const std::string text = comparison_text(runs, false);
  CHECK(widest_of(text) <= 80);
  CHECK(has(text, "A  1"));
  CHECK(has(text, "Environment: no difference"));
}
