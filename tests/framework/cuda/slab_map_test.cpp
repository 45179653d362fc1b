// Alignment, coalescing and reuse in the free list of a slab, by small cases and by 100,000 pseudo-random steps.
#include "cuda/device/slab_map.hpp"

#include "catch.hpp"

#include <stdexcept>
#include <vector>

using millrace::cuda::SlabMap;

TEST_CASE("pieces are aligned, do not overlap, and run out") {
  SlabMap map(1024);
  CHECK(map.take(1) == 0U);
  CHECK(map.take(257) == 256U);
  CHECK(map.take(0) == 768U);
  CHECK_FALSE(map.take(1).has_value());
}

TEST_CASE("what comes back is joined with its neighbors, in any order") {
  const std::vector<std::vector<std::size_t>> orders{{0, 256, 512}, {512, 256, 0}, {0, 512, 256}, {256, 0, 512}};
  for (const auto& order : orders) {
    SlabMap map(768);
    for (int i = 0; i < 3; ++i) map.take(256);
    CHECK_FALSE(map.is_empty());
    for (const std::size_t offset : order) map.give_back(offset, 256);
    CHECK(map.is_empty());
    CHECK(map.take(768) == 0U);
  }
}

TEST_CASE("a hole is used again, and one that is too small is passed over") {
  SlabMap map(2048);
  map.take(256);
  map.take(512);
  map.give_back(0, 256);
  CHECK(map.take(512) == 768U);
  CHECK(map.take(200) == 0U);
}

TEST_CASE("a piece that comes back twice, or from outside, is a defect that shows") {
  SlabMap map(1024);
  map.take(256);
  map.give_back(0, 256);
  CHECK_THROWS_AS(map.give_back(0, 256), std::logic_error);
  CHECK_THROWS_AS(map.give_back(1024, 256), std::logic_error);
}

TEST_CASE("a hundred thousand takes and returns leave the slab as it was") {
  SlabMap map(1 << 20);
  std::vector<std::pair<std::size_t, std::size_t>> live;
  std::size_t random = 1;
  for (int i = 0; i < 100000; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    const std::size_t bytes = (random >> 40) % 9000;
    if (const auto offset = map.take(bytes)) live.emplace_back(*offset, bytes);
    if (live.size() > 60 || (!live.empty() && random % 3 == 0)) {
      const std::size_t which = (random >> 33) % live.size();
      map.give_back(live[which].first, live[which].second);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const auto& [offset, bytes] : live) map.give_back(offset, bytes);
  CHECK(map.is_empty());
}
