// Philox4x32-10 against the published answers; means and variances within stated bounds.
#include "catch.hpp"

#include <millrace/random.hpp>

#include <algorithm>
#include <cmath>
#include <set>

using namespace millrace;

TEST_CASE("Philox4x32-10 gives the published known answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) == PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("seed, purpose, epoch and index each change the numbers") {
  const Random base(42, "shuffle");
  std::set<std::uint32_t> first{base.words(0)[0],
                                base.words(1)[0],
                                base.words(0, 1)[0],
                                base.words(0, 0, 1)[0],
                                Random(43, "shuffle").words(0)[0],
                                Random(42, "init/0/kernel").words(0)[0]};
  CHECK(first.size() == 6);
  CHECK(base.words(7, 3) == Random(42, "shuffle").words(7, 3));
}

TEST_CASE("uniform numbers fill [0, 1) evenly") {
  const Random random(1, "test");
  double sum = 0;
  float lo = 1, hi = 0;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const float u = random.uniform(i);
    sum += static_cast<double>(u);
    lo = std::min(lo, u);
    hi = std::max(hi, u);
  }
  CHECK(lo >= 0.0F);
  CHECK(hi < 1.0F);
  CHECK(sum / 100000 == Catch::Approx(0.5).margin(0.005));
}

TEST_CASE("normal numbers have mean 0 and variance 1") {
  const Random random(1, "test");
  double sum = 0, squares = 0;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const auto x = static_cast<double>(random.normal(i));
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  CHECK(sum / 100000 == Catch::Approx(0.0).margin(0.02));
  CHECK(squares / 100000 == Catch::Approx(1.0).margin(0.02));
}
