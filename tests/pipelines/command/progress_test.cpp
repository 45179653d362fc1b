#include "command/progress_line.hpp"
#include "command/progress_text.hpp"

#include "catch.hpp"

#include <string>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

/// A line whose clock the test moves.
struct Screen {
  explicit Screen(TerminalStyle style)
      : line(
            style, 3, [this](std::string_view text) { notes += text; },
            [this](std::string_view text) { results += text; }, [this] { return now; }) {}
  double now = 0;
  std::string notes, results;
  ProgressLine line;
};

StepProgress step_of(std::uint32_t epoch, std::int64_t step) { return {epoch, step, 100, step * 32, 0.5, 0.75, 0.1}; }

Metrics metrics_of(std::uint32_t epoch) {
  Metrics metrics{epoch, {}};
  metrics.set("loss", 0.0731);
  metrics.set("accuracy", 0.9776);
  metrics.set("seconds", 1.2);
  metrics.set("samples_per_second", 50000);
  metrics.set("val_accuracy", 0.9741);
  metrics.set("val_seconds", 0.2);
  return metrics;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

constexpr TerminalStyle kPlain{};
constexpr TerminalStyle kTerminal{.color = false, .redraws = true, .unicode = true, .columns = 120};

}  // namespace

TEST_CASE("numbers are short and small ones do not read as zero") {
  CHECK(metric_text(0.0731) == "0.0731");
  CHECK(metric_text(0.0) == "0.0000");
  CHECK(metric_text(0.000123456) == "1.2346e-04");
  CHECK(metric_text(-0.0005) == "-5.0000e-04");
  CHECK(metric_text(9'999'999.5) == "9999999.5000");
  CHECK(metric_text(-1.2e30) == "-1.2000e+30");
  CHECK(seconds_text(1.24) == "1.2s");
  CHECK(seconds_text(125) == "2m05s");
  CHECK(seconds_text(59.96) == "1m00s");
  CHECK(rate_text(950) == "950");
  CHECK(rate_text(1500) == "1.5k");
  CHECK(rate_text(50400) == "50k");
  CHECK(rate_text(1.25e6) == "1.25M");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(47040016) == "44.9 MiB");
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1000) == "1,000");
  CHECK(count_text(-669706) == "-669,706");
  CHECK(count_text(-100) == "-100");
}

TEST_CASE("a bar has twenty cells in every style") {
  CHECK(bar_text(0.5, false, false) == "==========..........");
  CHECK(columns_of_text(bar_text(0.33, true, true)) == 20);
  CHECK(columns_of_text(bar_text(2.0, true, false)) == 20);
  CHECK(bar_text(-1, false, false) == std::string(20, '.'));
}

TEST_CASE("away from a terminal there is one line an epoch and nothing else") {
  Screen screen(kPlain);
  for (int step = 1; step <= 100; ++step) {
    screen.now += 1;
    screen.line.step(step_of(1, step));
  }
  screen.line.epoch(metrics_of(1), false);
  CHECK(screen.notes.empty());
  screen.line.epoch(metrics_of(1), true);
  CHECK(screen.notes == "Epoch 1/3  100/100  1.2s  loss 0.0731  accuracy 0.9776  val_accuracy 0.9741  50k samples/s\n");
}

TEST_CASE("a terminal is redrawn at most every 50 ms") {
  Screen screen(kTerminal);
  for (int step = 1; step <= 100; ++step) {
    screen.line.step(step_of(1, step));
    screen.now += 0.01;
  }
  CHECK(count(screen.notes, "Epoch 1/3") == 20);
  CHECK(count(screen.notes, "\n") == 0);
}

TEST_CASE("a finished epoch replaces what is half drawn and stays") {
  Screen screen(kTerminal);
  screen.line.step(step_of(1, 100));
  screen.now = 1;
  screen.line.step(step_of(2, 5));  // evaluating epoch 1 overlaps training epoch 2
  screen.notes.clear();
  screen.line.epoch(metrics_of(1), true);
  CHECK(screen.notes.starts_with("\r\x1b[KEpoch 1/3  100/100  ━━━━━━━━━━━━━━━━━━━━  1.2s  loss 0.0731"));
  CHECK(screen.notes.ends_with("samples/s\n"));
  screen.notes.clear();
  screen.line.finish();
  CHECK(screen.notes.empty());
}

TEST_CASE("a line that is redrawn never wraps") {
  TerminalStyle narrow = kTerminal;
  for (int columns = 1; columns < 100; ++columns) {
    narrow.columns = columns;
    Screen screen(narrow);
    screen.line.step(step_of(1, 50));
    CHECK(columns_of_text(screen.notes) <= static_cast<std::size_t>(columns > 1 ? columns - 1 : 1));
  }
}

TEST_CASE("what a stage prints goes to the results and never into a half drawn line") {
  Screen screen(kTerminal);
  screen.line.step(step_of(1, 50));
  screen.line.print("row 1\n");
  CHECK(screen.results == "row 1\n");
  CHECK(screen.notes.ends_with("\r\x1b[K"));
}

TEST_CASE("the node that worked most since the epoch before is named as the limit") {
  Screen screen(kPlain);
  screen.now = 10;
  screen.line.busy({{"learn", 9.6}, {"train", 1.0}});
  screen.line.epoch(metrics_of(1), true);
  CHECK(screen.notes.ends_with("[limited by learn 96%]\n"));
  screen.now = 20;
  screen.line.busy({{"learn", 10.6}, {"train", 6.0}});
  screen.line.epoch(metrics_of(2), true);
  CHECK(screen.notes.ends_with("[limited by train 50%]\n"));
}
