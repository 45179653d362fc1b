// What progress says at each width of a terminal and how often it is redrawn, with a clock and a terminal that the test moves.
#include "command/terminal/epoch_text.hpp"
#include "command/terminal/progress_line.hpp"
#include "command/terminal/progress_text.hpp"

#include "catch.hpp"
#include "diagnostics/quantity_text.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

constexpr TerminalStyle kPlain{};
constexpr TerminalStyle kTerminal{
    .color = false, .is_terminal = true, .redraws = true, .unicode = true, .columns = 120};

/// A terminal whose clock and width the test moves.
struct Screen final : ProgressOutput {
  explicit Screen(TerminalStyle s, std::uint32_t epochs = 3, std::vector<std::string> trainers = {"learn"},
                  std::uint32_t every = 0)
      : style(s), line(options(epochs, std::move(trainers), every), *this) {}
  void result(std::string text) override { results.push_back(std::move(text)); }
  void live(std::string text) override { lives.push_back(std::move(text)); }
  void note(std::string text) override { notes.push_back(std::move(text)); }

  TerminalStyle style;
  double now = 0;
  std::vector<std::string> results, lives, notes;
  ProgressLine line;

 private:
  ProgressOptions options(std::uint32_t epochs, std::vector<std::string> trainers, std::uint32_t every) {
    const auto look = [this] { return style; };
    return {epochs, every, false, true, std::move(trainers), look, look, [this] { return now; }};
  }
};

StepProgress step_of(std::uint32_t epoch, std::int64_t step, std::int64_t steps = 100) {
  return {epoch, step, steps, step * 32, 0.5, 0.75, 0.1};
}

Metrics metrics_of(std::uint32_t epoch) {
  Metrics metrics{epoch, {}};
  metrics.set("loss", 0.0731);
  metrics.set("accuracy", 0.9776);
  metrics.set("seconds", 1.2);
  metrics.set("samples_per_second", 50000);
  metrics.set("val_loss", 0.0981);
  metrics.set("val_accuracy", 0.9741);
  metrics.set("val_seconds", 0.2);
  return metrics;
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    longest = std::max(longest, columns_of_text(text.substr(at, end - at)));
    at = end + 1;
  }
  return longest;
}

}  // namespace

TEST_CASE("numbers are short and small ones do not read as zero") {
  CHECK(metric_text(0.0731) == "0.0731");
  CHECK(metric_text(0.0) == "0.0000");
  CHECK(metric_text(0.000123456) == "1.2346e-04");
  CHECK(metric_text(-0.0005) == "-5.0000e-04");
  CHECK(metric_text(9'999'999.5) == "9999999.5000");
  CHECK(metric_text(-1.2e30) == "-1.2000e+30");
  CHECK(metric_text(std::copysign(std::nan(""), -1.0)) == "nan");
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

TEST_CASE("a bar has as many cells as it is given, in every style") {
  CHECK(bar_text(0.5, 20, false, false) == "==========..........");
  CHECK(columns_of_text(bar_text(0.33, 20, true, true)) == 20);
  CHECK(columns_of_text(bar_text(2.0, 7, true, false)) == 7);
  CHECK(bar_text(-1, 20, false, false) == std::string(20, '.'));
}

TEST_CASE("away from a terminal there is one line an epoch and nothing else") {
  Screen screen(kPlain);
  for (int step = 1; step <= 100; ++step) {
    screen.now += 1;
    screen.line.step("learn", step_of(1, step));
  }
  screen.line.epoch(metrics_of(1), false);
  CHECK(screen.results.empty());
  screen.line.epoch(metrics_of(1), true);
  CHECK(screen.results == std::vector<std::string>{"Epoch 1/3  100/100  1.2s  loss 0.0731  accuracy 0.9776  val_loss "
                                                   "0.0981  val_accuracy 0.9741  50k samples/s\n"});
  CHECK(screen.lives.empty());
}

TEST_CASE("a terminal is redrawn at most every 50 ms, and at the last step") {
  Screen screen(kTerminal);
  for (int step = 1; step <= 99; ++step) {
    screen.line.step("learn", step_of(1, step));
    screen.now += 0.01;
  }
  CHECK(screen.lives.size() == 20);
  screen.line.step("learn", step_of(1, 100));
  REQUIRE(screen.lives.size() == 21);
  CHECK(screen.lives.back().find("100/100") != std::string::npos);
  CHECK(screen.lives.back().find("validating") != std::string::npos);
}

TEST_CASE("the live line says how far the epoch is, its loss, and the time left") {
  Screen screen(kTerminal);
  screen.line.step("learn", {1, 25, 100, 800, 0.5, 0.75, 2.0});
  CHECK(screen.lives.back() ==
        "Epoch 1/3   25/100  ━━━━━───────────────  2.0s, ETA 6.0s  loss 0.5000  accuracy 0.7500  400 samples/s");
  screen.now = 1;
  screen.line.step("learn", {2, 5, 100, 160, 0.5, -1, 0});  // evaluating epoch 1 overlaps training epoch 2
  CHECK(screen.lives.back().starts_with("Epoch 2/3    5/100"));
  CHECK(screen.lives.back().find("validating 1") != std::string::npos);
  screen.line.epoch(metrics_of(1), true);
  screen.now = 2;
  screen.line.step("learn", step_of(2, 6));
  CHECK(screen.lives.back().find("validating") == std::string::npos);
}

TEST_CASE("at 80 columns a shorter bar has room beside loss and accuracy") {
  Screen screen(kTerminal);
  screen.style.columns = 80;
  screen.line.step("learn", {1, 938, 1875, 30016, 0.5, 0.75, 12.0});
  CHECK(screen.lives.back() == "Epoch 1/3   938/1875  ━━━━─────  12.0s, ETA 12.0s  loss 0.5000  accuracy 0.7500");
  CHECK(columns_of_text(screen.lives.back()) == 79);
}

TEST_CASE("where the number of steps is unknown, steps are counted and nothing is promised") {
  Screen screen(kTerminal);
  screen.line.step("learn", step_of(1, 31, 0));
  CHECK(screen.lives.back().starts_with("Epoch 1/3  31 steps  0.1s  loss"));
  screen.line.epoch(metrics_of(1), true);
  CHECK(screen.results.back().starts_with("Epoch 1/3  31 steps  1.2s"));
}

TEST_CASE("two models: each loss says whose it is, and the bar is that of the slower one") {
  Screen screen(kTerminal, 3, {"small", "big"});
  screen.style.columns = 160;
  screen.line.step("big", step_of(1, 10));
  CHECK(screen.lives.back().starts_with("Epoch 1/3    0/100  ────"));
  screen.now = 1;
  screen.line.step("small", step_of(1, 90));
  CAPTURE(screen.lives.back());
  CHECK(screen.lives.back().starts_with("Epoch 1/3   10/100  ━━──"));
  CHECK(screen.lives.back().find("small loss 0.5000") < screen.lives.back().find("big loss 0.5000"));
  screen.now = 2;
  screen.line.step("small", step_of(2, 1));  // ahead; the line stays with the epoch that is not trained yet
  CHECK(screen.lives.back().starts_with("Epoch 1/3   10/100"));
}

TEST_CASE("no line is longer than the terminal, whose width is asked for at each line; the loss goes last") {
  Screen screen(kTerminal, 100);
  for (int columns = 1; columns < 140; ++columns) {
    screen.style.columns = columns;
    screen.now += 2;
    screen.line.step("learn", step_of(1, 50));
    CHECK(columns_of_text(screen.lives.back()) <= static_cast<std::size_t>(columns > 1 ? columns - 1 : 1));
    CHECK((columns < 13 || screen.lives.back().find("loss 0.5000") != std::string::npos));
    screen.line.epoch(metrics_of(1), true);
    CHECK((columns < 22 || longest_line(screen.results.back()) < static_cast<std::size_t>(columns)));
    for (const char* metric : {"loss 0.0731", "accuracy 0.9776", "val_loss 0.0981", "val_accuracy 0.9741"})
      CHECK(screen.results.back().find(metric) != std::string::npos);
  }
}

TEST_CASE("many quick epochs show one line a second on a terminal, and the last") {
  Screen screen(kTerminal, 300);
  for (std::uint32_t epoch = 1; epoch <= 300; ++epoch) {
    screen.now += 0.01;
    screen.line.epoch(metrics_of(epoch), true);
  }
  screen.line.finish();
  REQUIRE(screen.results.size() == 4);
  CHECK(screen.results.front().starts_with("Epoch 1/300"));
  CHECK(screen.results.back().starts_with("Epoch 300/300"));
}

TEST_CASE("a run that ends early shows its last epoch too") {
  Screen screen(kTerminal, 300);
  for (std::uint32_t epoch = 1; epoch <= 7; ++epoch) screen.line.epoch(metrics_of(epoch), true);
  screen.line.finish();
  REQUIRE(screen.results.size() == 2);
  CHECK(screen.results.back().starts_with("Epoch 7/300"));
}

TEST_CASE("few epochs are all shown on a terminal, and all of any number in a pipe") {
  for (const auto& [style, epochs] : {std::pair{kTerminal, 5U}, std::pair{kPlain, 300U}}) {
    Screen screen(style, epochs);
    for (std::uint32_t epoch = 1; epoch <= epochs; ++epoch) screen.line.epoch(metrics_of(epoch), true);
    CHECK(screen.results.size() == epochs);
  }
}

TEST_CASE("a line can be asked for every so many epochs") {
  for (const TerminalStyle& style : {kPlain, kTerminal}) {
    Screen screen(style, 25, {"learn"}, 10);
    for (std::uint32_t epoch = 1; epoch <= 25; ++epoch) screen.line.epoch(metrics_of(epoch), true);
    screen.line.finish();
    REQUIRE(screen.results.size() == 3);
    CHECK(screen.results[0].starts_with("Epoch 10/25"));
    CHECK(screen.results[1].starts_with("Epoch 20/25"));
    CHECK(screen.results[2].starts_with("Epoch 25/25"));
  }
}

TEST_CASE("what a stage prints is a result") {
  Screen screen(kTerminal);
  screen.line.step("learn", step_of(1, 50));
  screen.line.print("row 1\n");
  CHECK(screen.results == std::vector<std::string>{"row 1\n"});
}

TEST_CASE("the node that worked most since the epoch before is named as the limit") {
  Screen screen(kPlain);
  screen.now = 10;
  screen.line.busy({{"learn", 9.6}, {"train", 1.0}});
  screen.line.epoch(metrics_of(1), true);
  CHECK(screen.results.back().ends_with("[limited by learn 96%]\n"));
  screen.now = 20;
  screen.line.busy({{"learn", 10.6}, {"train", 6.0}});
  screen.line.epoch(metrics_of(2), true);
  CHECK(screen.results.back().ends_with("[limited by train 50%]\n"));
}

TEST_CASE("a failure that earlier epochs still hold up is told at once") {
  RunFailure failure{{.kind = ErrorKind::data, .name = "planted", .message = "a planted failure"}, "crop", "faulty", 3};
  Screen screen(kTerminal);
  screen.line.ending(failure);
  REQUIRE(screen.notes.size() == 1);
  CHECK(screen.notes[0] ==
        "node `crop` has failed in epoch 3; the epochs before it end first (Ctrl-C ends them at once)\n");
}
