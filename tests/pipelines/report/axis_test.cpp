// Where values lie on an axis, and where its ticks stand.
#include "report/axis.hpp"
#include "catch.hpp"
#include "report/duration_text.hpp"

#include <limits>

using namespace millrace::pipelines;

namespace {

std::vector<std::string> texts_of(const Axis& axis) {
  std::vector<std::string> texts;
  for (const double tick : axis.ticks) texts.push_back(axis.tick_text(tick));
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("ticks of a linear axis are round and alike", "[axis]") {
  CHECK(texts_of(value_axis(0, 1, 6, false)) == Texts{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(texts_of(value_axis(0.961, 0.982, 5, false)) == Texts{"0.965", "0.970", "0.975", "0.980"});
  CHECK(texts_of(value_axis(-3, 3, 4, false)) == Texts{"-2", "0", "2"});
  CHECK(texts_of(value_axis(0, 4e7, 4, false)) == Texts{"0", "2e+07", "4e+07"});
}

TEST_CASE("an axis has its values within, and a tick of one that never changes", "[axis]") {
  for (const auto& [least, most] : {std::pair(0.0, 0.0),
                                    {5.0, 5.0},
                                    {-2.0, -2.0},
                                    {1e-300, 1e-300},
                                    {5e-324, 1.5e-323},
                                    {-1e308, 1e308},
                                    {1.0, 1.0 + 1e-15},
                                    {0.3, 0.4}}) {
    INFO(least << " to " << most);
    const Axis axis = value_axis(least, most, 5, true);
    CHECK(axis.least < axis.most);
    CHECK(axis.ticks.size() <= 12);
  }
  CHECK(value_axis(5, 5, 5, true).place(5) == Approx(0.5));
  CHECK(value_axis(0, 1, 5, false).place(0.5) == Approx(0.5).margin(0.03));
}

TEST_CASE("what falls over many powers of ten gets a logarithmic axis", "[axis]") {
  const Axis axis = value_axis(0.001, 1000, 5, true);
  CHECK(axis.is_log);
  CHECK(axis.place(1) == Approx(0.5));
  CHECK(axis.ticks.size() >= 2);
  CHECK(axis.ticks.size() <= 6);
  CHECK(texts_of(value_axis(14, 480, 5, true)) == Texts{"20", "50", "100", "200", "500"});
  CHECK_FALSE(value_axis(0.001, 1000, 5, false).is_log);
  CHECK_FALSE(value_axis(0, 1000, 5, true).is_log);
  CHECK_FALSE(value_axis(1, 10, 5, true).is_log);
}

TEST_CASE("epochs have whole ticks", "[axis]") {
  CHECK(texts_of(epoch_axis(1, 5, 6)) == Texts{"1", "2", "3", "4", "5"});
  CHECK(texts_of(epoch_axis(1, 300, 6)) == Texts{"50", "100", "150", "200", "250", "300"});
  CHECK(texts_of(epoch_axis(1, 1, 6)) == Texts{"1"});
}

TEST_CASE("values and durations are short", "[axis]") {
  CHECK(value_text(0.0741312) == "0.07413");
  CHECK(value_text(-std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(duration_text(0.00024) == "0.24 ms");
  CHECK(duration_text(34.21) == "34.2 s");
  CHECK(duration_text(125) == "2 min 5 s");
  CHECK(duration_text(12000) == "3 h 20 min");
}
