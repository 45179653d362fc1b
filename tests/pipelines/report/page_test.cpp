// The page: whatever names, metrics and texts hold, it stays a page that asks for nothing.
#include "catch.hpp"
#include "made_record.hpp"
#include "report/page/curve_picture.hpp"
#include "report/page/html_text.hpp"
#include "report/page/node_rails.hpp"
#include "report/page/run_page.hpp"

#include <chrono>
#include <cmath>

using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

constexpr const char* kHostile = "<script>alert(1)</script>\"'&\x1b[31m\xE2\x80\xAEx\xFF\n<img src=http://x onerror=y>";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// Every text of others is hostile.
RunRecord hostile_record() {
  const std::string hostile = kHostile;
  RunRecord run = record(
      {curve("val_" + hostile + "loss", {0.5, 0.4}), curve(hostile + "loss", {0.5, 0.4}), curve(hostile, {NAN, 2})});
  run.folder = run.name = run.status = run.reason = run.config = run.unread = run.weights_sha256 = hostile;
  run.failures = run.warnings = {{hostile, hostile, hostile, hostile, hostile, 3}};
  run.nodes = {{hostile, hostile, {}, 1, 2, 3, 4}, {hostile, hostile, {0}, 1, 2, 3, 4}};
  run.models = {{hostile, hostile, 1, 2, {{hostile, hostile, 3, 4}}}};
  run.attempts = {{1, hostile, hostile, hostile, 1, 2}};
  run.checkpoints = {{1, 0, hostile, true}};
  run.environment = {
      {hostile, hostile}, {"started", hostile}, {"host", hostile}, {"device", hostile}, {"threads", hostile}};
  return run;
}

}  // namespace

TEST_CASE("a text of others cannot become markup", "[page]") {
  CHECK(html_text("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(html_text("\x1b[2J\n") == "\\x1b[2J\\x0a");
  CHECK(html_text("\xE2\x80\xAEgpj.exe") == "\\u202egpj.exe");
  CHECK(html_text("\xFF") == "\\xff");
  CHECK(html_lines("a\n\tb") == "a\n\tb");
  const std::string page = run_page(hostile_record());
  CHECK(count(page, "<script") == 0);
  CHECK(count(page, "<img") == 0);
  CHECK(count(page, "\x1b") == 0);
  CHECK(count(page, "\xE2\x80\xAE") == 0);
  CHECK(count(page, "\xFF") == 0);
  CHECK(has(page, "&lt;script&gt;"));
}

TEST_CASE("a page of nothing is a page", "[page]") {
  const std::string page = run_page(RunRecord{});
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(page.ends_with("</html>\n"));
  CHECK(has(page, "No epoch was completed"));
}

TEST_CASE("a page of many epochs stays small, and takes no time", "[page]") {
  std::vector<double> values(200'000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 1.0 / (1.0 + static_cast<double>(i)) + 0.1 * static_cast<double>(i % 7);
  const std::string page = run_page(record(
      {curve("val_loss", values), curve("loss", values), curve("accuracy", values), curve("val_accuracy", values)}));
  CHECK(page.size() < 300'000);
  CHECK(count(page, "<tr>") < 300);
}

TEST_CASE("a page of many metrics and nodes stays small", "[page]") {
  std::vector<Curve> curves;
  for (int i = 0; i < 60; ++i) curves.push_back(curve("m" + std::to_string(i), std::vector<double>(5000, i % 7)));
  RunRecord run = record(std::move(curves));
  for (std::size_t i = 0; i < 5000; ++i) run.nodes.push_back({"n" + std::to_string(i), "s", {i / 2}, 1, 1, 1, 1});
  run.nodes[0].inputs.clear();
  run.config.assign(10'000'000, 'x');
  run.environment = {{"long", std::string(1'000'000, 'y')}};
  run.warnings.assign(10'000, {"w", "m", "", "", "", 1});
  const std::string page = run_page(run);
  CHECK(page.size() < 900'000);
  CHECK(has(page, "Of 5000 nodes the 200"));
  CHECK(has(page, "and 9900 more"));
}

TEST_CASE("a curve is drawn with a gap where it is not finite", "[page]") {
  const Curve gap = curve("loss", {1, 2, NAN, 4, 5}), never = curve("loss", {NAN, INFINITY});
  const std::string picture = curve_picture({&gap});
  const std::size_t path = picture.find("stroke-width=\"1.8\"");
  CHECK(path != std::string::npos);
  CHECK(count(picture, "nan") == 0);
  CHECK(count(picture, "<title>") == 5);  // four points and the best
  CHECK(curve_picture({&never}).empty());
}

TEST_CASE("labels at the ends of curves do not lie over each other", "[page]") {
  std::vector<Curve> curves;
  for (int i = 0; i < 5; ++i) curves.push_back(curve("m" + std::to_string(i), {1.0, 1.0 + 0.001 * i}));
  std::vector<const Curve*> all;
  for (const Curve& one : curves) all.push_back(&one);
  const std::string picture = curve_picture(all);
  std::vector<double> heights;
  for (int i = 0; i < 5; ++i) {
    const std::size_t text = picture.rfind(">m" + std::to_string(i) + " "), y = picture.rfind(" y=\"", text);
    heights.push_back(std::stod(picture.substr(y + 4)));
  }
  std::sort(heights.begin(), heights.end());
  for (int i = 1; i < 5; ++i) CHECK(heights[i] - heights[i - 1] >= 12.9);
}

TEST_CASE("no two nodes are on one rail at the same row", "[page]") {
  // 0 feeds 1 and 3; 1 feeds 2; 2 and 3 feed 4.
  const std::vector<NodeTimes> nodes{
      {"a", "s", {}}, {"b", "s", {0}}, {"c", "s", {1}}, {"d", "s", {0}}, {"e", "s", {2, 3}}};
  const Rails rails = rails_of(nodes);
  CHECK(rails.last == std::vector<std::size_t>{3, 2, 4, 4, 4});
  CHECK(rails.count == 2);
  for (std::size_t a = 0; a < nodes.size(); ++a)
    for (std::size_t b = a + 1; b < nodes.size(); ++b)
      if (rails.rail[a] == rails.rail[b]) CHECK(rails.last[a] <= b);
}
