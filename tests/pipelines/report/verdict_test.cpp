// The rules by which a run is judged, and the sentences.
#include "report/verdict.hpp"
#include "catch.hpp"
#include "made_record.hpp"
#include "report/bottleneck.hpp"

#include <cmath>

using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

Trend trend(const std::vector<double>& validation, const std::vector<double>& training = {}) {
  const Curve trained = curve("loss", training);
  return trend_of(curve("val_loss", validation), training.empty() ? nullptr : &trained);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("which way a loss goes is told by rules", "[verdict]") {
  CHECK(trend({}) == Trend::unknown);
  CHECK(trend({1}) == Trend::unknown);
  CHECK(trend({1, 0.5}) == Trend::improving);
  CHECK(trend({1, 0.5, 0.495}) == Trend::improving);               // by 1 %
  CHECK(trend({1, 0.5, 0.4951}) == Trend::leveled);                // by less
  CHECK(trend({1, 0.5, 0.6}, {1, 0.5, 0.4}) == Trend::unsettled);  // one epoch says nothing
  CHECK(trend({1, 0.5, 500}) == Trend::unsettled);
  CHECK(trend({1, 0.5, 0.51}) == Trend::leveled);
  CHECK(trend({1, 0.5, 0.51, 0.52}, {1, 0.5, 0.4, 0.3}) == Trend::leveled);
  CHECK(trend({1, 0.5, 0.6, 0.7}, {1, 0.5, 0.4, 0.3}) == Trend::overfits);
  CHECK(trend({1, 0.5, 0.6, 0.7}, {1, 0.5, 0.6, 0.7}) == Trend::worse);
  CHECK(trend({1, 0.5, 0.6, 0.7}) == Trend::worse);
  CHECK(trend({1, NAN}) == Trend::diverged);
  CHECK(trend({NAN, 1}) == Trend::unknown);
  CHECK(trend({1, 0, 0}) == Trend::leveled);
  CHECK(trend({1, 0, 0.5, 0.5}, {1, 0.5, 0.4, 0.3}) == Trend::overfits);
}

TEST_CASE("of many epochs the last tenth decides", "[verdict]") {
  std::vector<double> values;
  for (int i = 1; i <= 100; ++i) values.push_back(1.0 / i);
  CHECK(trend(values) == Trend::improving);
  values.resize(150, 0.01);
  CHECK(trend(values) == Trend::leveled);
}

TEST_CASE("the verdict says how it ended, how good it is and what was told", "[verdict]") {
  RunRecord run = record({curve("val_loss", {0.4, 0.2, 0.25, 0.3}), curve("loss", {0.4, 0.2, 0.1, 0.05}),
                          curve("val_accuracy", {0.8, 0.9, 0.92, 0.91})});
  const Verdict verdict = verdict_of(run);
  CHECK(verdict.sentence ==
        "Finished after 4 of 4 epochs in 12.5 s. val_loss is 0.3 at the end, at best it was 0.2 in epoch 2. "
        "val_accuracy is 0.91 at the end, at best it was "
        "0.92 in epoch 3. It overfits: since epoch 2 val_loss has risen by 50 %, while loss fell from 0.2 to 0.05. No "
        "failures, no warnings.");
  CHECK(has(verdict.rule, "5 %"));
  run.warnings.resize(2);
  run.failures.resize(1);
  run.status = "stopped";
  run.reason = "signal 2";
  CHECK(has(verdict_of(run).sentence, "Stopped (signal 2) after"));
  CHECK(has(verdict_of(run).sentence, "1 failure, 2 warnings."));
}

TEST_CASE("a run without epochs or without a validation is told as such", "[verdict]") {
  RunRecord none = record({});
  none.status = "failed";
  none.epochs_planned = 5;
  CHECK(has(verdict_of(none).sentence, "Failed after 0 of 5 epochs"));
  CHECK(has(verdict_of(none).sentence, "No epoch was completed"));
  CHECK(has(verdict_of(record({curve("loss", {2, 1})})).sentence,
            "Without a validation nothing can be said of overfitting."));
  CHECK(verdict_of(record({curve("widgets", {2, 1})})).trend == Trend::unknown);
}

TEST_CASE("the bottleneck is told in words, with who waits for it", "[verdict]") {
  RunRecord run = record({});
  CHECK(bottleneck_text(run).empty());
  run.seconds = 10;
  run.nodes = {{"read", "idx_loader", {}, 1, 0, 8, 10},
               {"learn", "trainer", {0}, 9, 1, 0, 10},
               {"other", "idx_loader", {}, 0, 10, 10, 10},
               {"log", "metrics_sink", {1}, 0, 9.5, 0, 10}};
  CHECK(bottleneck_text(run) ==
        "learn (trainer) limits the run: it works 90 % of the time. read before it is held up for 80 %. log behind it "
        "has nothing to do for 95 %.");
  run.nodes[1].busy = 3;
  CHECK(has(bottleneck_text(run), "No node limits the run"));
  run.seconds.reset();
  CHECK(bottleneck_text(run).empty());
}
