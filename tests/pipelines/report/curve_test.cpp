// Curves: best values, points that are left out, and which of them belong together.
#include "report/curve.hpp"
#include "catch.hpp"
#include "made_record.hpp"

#include <cmath>

using namespace millrace::pipelines;
using namespace millrace::testing;

TEST_CASE("the best of an accuracy is its largest value, of anything else its smallest", "[curve]") {
  CHECK(best_of(curve("val_loss", {3, 1, 1, 2}))->epoch == 2);
  CHECK(best_of(curve("val_accuracy", {0.1, 0.9, 0.3}))->epoch == 2);
  CHECK(best_of(curve("loss", {NAN, 4, INFINITY}))->value == 4);
  CHECK_FALSE(best_of(curve("loss", {NAN})));
  CHECK(curve("loss", {5, 4, 3}).at(2) == 4);
  CHECK_FALSE(curve("loss", {5, 4, 3}).at(4));
}

TEST_CASE("a validation is told from its training by its name", "[curve]") {
  CHECK(trained_name("val_loss") == "loss");
  CHECK(trained_name("b_val_loss") == "b_loss");
  CHECK(trained_name("interval_loss") == "interval_loss");
  CHECK(is_validation("val_accuracy"));
  CHECK_FALSE(is_validation("accuracy"));
}

TEST_CASE("curves of one metric stand together, times behind all others", "[curve]") {
  const std::vector<Curve> curves{curve("val_loss", {1}), curve("seconds", {1}), curve("loss", {1}),
                                  curve("accuracy", {1}), curve("val_seconds", {1})};
  std::vector<std::string> names;
  for (const CurveGroup& group : groups_of(curves)) names.push_back(group.name + std::to_string(group.curves.size()));
  CHECK(names == std::vector<std::string>{"loss2", "accuracy1", "seconds2"});
}

TEST_CASE("a long curve keeps its ends and every peak", "[curve]") {
  std::vector<double> values(100'000, 1.0);
  values[31'415] = 9;
  values[27'182] = -9;
  const Curve all = curve("loss", values);
  const std::vector<CurvePoint> some = thinned(all.points, 2000);
  CHECK(some.size() <= 2000);
  CHECK(some.front().epoch == 1);
  CHECK(some.back().epoch == 100'000);
  const auto has = [&](std::uint32_t epoch) {
    return std::any_of(some.begin(), some.end(), [&](const CurvePoint& p) { return p.epoch == epoch; });
  };
  CHECK(has(31'416));
  CHECK(has(27'183));
  CHECK(std::is_sorted(some.begin(), some.end(),
                       [](const CurvePoint& a, const CurvePoint& b) { return a.epoch < b.epoch; }));
  CHECK(thinned(all.points, 100'000).size() == 100'000);
}
