// Tallies over validation rows: the order of batches changes nothing, and what is left out is counted.
#include "catch.hpp"

#include "command/judging/class_tally.hpp"
#include "command/judging/row_pictures.hpp"
#include "command/judging/value_tally.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

JudgedBatch batch_of(std::uint64_t first, std::size_t width, std::vector<float> wanted, std::vector<float> given) {
  JudgedBatch batch{first, {}, width, std::move(wanted), std::move(given), {}};
  batch.ids.resize(batch.given.size() / width);
  std::iota(batch.ids.begin(), batch.ids.end(), first);
  return batch;
}

Validation found_of(const std::vector<JudgedBatch>& batches, std::size_t outputs, const ClassNames& names = {}) {
  ClassTally tally(outputs, names);
  for (const JudgedBatch& batch : batches) tally.add(batch);
  Validation found;
  tally.finish(found);
  return found;
}

}  // namespace

TEST_CASE("A row is of the class of its largest target, the first of equals") {
  const Validation found =
      found_of({batch_of(0, 3, {1, 0, 0, 0, 1, 0, 0, 0.5F, 0.5F}, {0.2F, 0.7F, 0.1F, 0.3F, 0.4F, 0.3F, 0.5F, 0.5F, 0})},
               3, {"a", "b", "c"});
  REQUIRE(found.classes.size() == 3);
  CHECK(found.rows == 3);
  CHECK(found.right() == 1);
  CHECK((found.classes[1].rows == 2 && found.classes[1].given == 2 && found.classes[1].right == 1));
  CHECK(found.classes[1].precision() == 0.5);
  CHECK(found.classes[0].recall() == 0);
  CHECK(found.classes[2].f1() == 0);  // of no row and given to none
  REQUIRE(found.confused.size() == 2);
  CHECK((found.confused[0].wanted == 0 && found.confused[0].given == 1));
  CHECK((found.confused[1].wanted == 1 && found.confused[1].given == 0));
}

TEST_CASE("The order of batches changes nothing, and the worst rows are the same") {
  std::vector<JudgedBatch> batches;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const float p = static_cast<float>(i % 10) / 10;
    batches.push_back(batch_of(2 * i, 2, {1, 0, 0, 1}, {p, 1 - p, 1 - p, p}));
  }
  const Validation forth = found_of(batches, 2);
  std::reverse(batches.begin(), batches.end());
  const Validation back = found_of(batches, 2);
  REQUIRE(forth.worst.size() == kMostWorst);
  for (std::size_t i = 0; i < kMostWorst; ++i) {
    CHECK(forth.worst[i].row == back.worst[i].row);
    if (i > 0) CHECK(forth.worst[i - 1].wanted_probability <= forth.worst[i].wanted_probability);
  }
  CHECK(forth.right() == back.right());
}

TEST_CASE("One output sorts into two classes, and what is not finite is no probability") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Validation found = found_of({batch_of(0, 1, {1, 0, 1, 0}, {0.9F, 0.6F, 0.5F, nan})}, 1);
  REQUIRE(found.classes.size() == 2);
  CHECK(found.right() == 2);  // 0.5 is not above 0.5; NaN is not either
  CHECK(found.worst.front().row == 3);
  CHECK(found.worst.front().wanted_probability == 0);
}

TEST_CASE("Of more pairs than are kept the most frequent stay, and all are counted") {
  constexpr std::size_t kClasses = 1200;
  ClassTally tally(kClasses, {});
  for (std::size_t i = 0; i < kClasses; ++i) {
    std::vector<float> wanted(kClasses, 0), given(kClasses, 0);
    wanted[i] = 1;
    given[(i + 1) % kClasses] = 1;
    for (std::size_t times = 0; times < (i == 700 ? 3U : 1U); ++times) tally.add(batch_of(i, kClasses, wanted, given));
  }
  Validation found;
  tally.finish(found);
  CHECK(found.pairs == kClasses);
  CHECK(found.confused.size() == kMostKeptPairs);
  CHECK((found.confused.front().wanted == 700 && found.confused.front().rows == 3));
}

TEST_CASE("Errors of quantities are those of their definition") {
  ValueTally tally(1, 4);
  JudgedBatch batch = batch_of(0, 1, {1, 2, 3, 4}, {1, 2, 3, 6});
  batch.input = {10, 20, 30, 40};
  tally.add(batch);
  Validation found;
  tally.finish(found);
  REQUIRE(found.errors.size() == 1);
  CHECK(found.errors[0].mean == 0.5);
  CHECK(found.errors[0].root_mean_square == 1);
  CHECK(found.errors[0].largest == 2);
  CHECK(std::abs(found.errors[0].explained - 0.2) < 1e-12);  // 1 - 4 / 5
  CHECK(found.is_of_input);
  REQUIRE(found.points.size() == 4);
  CHECK((found.points[3].x == 40 && found.points[3].wanted == 4 && found.points[3].given == 6));
}

TEST_CASE("Of many rows points are spread over all of them") {
  ValueTally tally(1, 1000);
  for (std::uint64_t i = 0; i < 10; ++i)
    tally.add(batch_of(100 * i, 1, std::vector<float>(100, 1), std::vector<float>(100, static_cast<float>(i))));
  Validation found;
  tally.finish(found);
  CHECK(found.points.size() == kMostPlotted);
  CHECK(found.points.back().given == 9);
  CHECK(found.errors[0].explained == 0);  // nothing varies
}

TEST_CASE("Base 64 is that of its standard") {
  CHECK(base64_text("").empty());
  CHECK(base64_text("f") == "Zg==");
  CHECK(base64_text("fo") == "Zm8=");
  CHECK(base64_text("foo") == "Zm9v");
  CHECK(base64_text("foobar") == "Zm9vYmFy");
  CHECK(base64_text("\xFB\xFF") == "+/8=");
}
