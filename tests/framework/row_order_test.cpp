// The order of the rows: each row once for any number of rows, known answers, and what tells an order from a random one.
#include "catch.hpp"

#include <millrace/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <thread>
#include <vector>

using namespace millrace;

namespace {

using Rows = std::vector<std::int64_t>;

constexpr std::int64_t kNone = 0, kAll = std::int64_t{1} << 32;  // thresholds that list no order, and every one
constexpr std::int64_t kMany = kMostListedRows + 12345;
// The parts of its domain, for patterns that would repeat with them: 2^10 low ones, 1037 high ones.
constexpr std::int64_t kLowPart = 1024, kHighPart = 1037;

bool is_full_run() { return std::getenv("MILLRACE_FULL") != nullptr; }

Rows order_of(std::int64_t rows, std::uint32_t epoch, std::int64_t most_listed = kMostListedRows,
              std::uint64_t seed = 42) {
  RowOrder order(Random(seed, "shuffle"), rows, most_listed);
  order.begin_epoch(epoch);
  Rows result(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = order.row(static_cast<std::int64_t>(i));
  return result;
}

bool holds_each_row_once(const Rows& order) {
  std::vector<bool> seen(order.size());
  for (const std::int64_t row : order) {
    if (row < 0 || row >= static_cast<std::int64_t>(order.size()) || seen[static_cast<std::size_t>(row)]) return false;
    seen[static_cast<std::size_t>(row)] = true;
  }
  return true;
}

std::int64_t equal_places(const Rows& a, const Rows& b) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] == b[i] ? 1 : 0;
  return count;
}

/// How far counts are from equal ones, in standard deviations of what chance does: chi-square has mean `freedom` and variance
/// 2 `freedom`.
double deviation(double found, double freedom) { return (found - freedom) / std::sqrt(2 * freedom); }

double chi_square(const std::vector<std::int64_t>& counts) {
  const double mean =
      static_cast<double>(std::reduce(counts.begin(), counts.end())) / static_cast<double>(counts.size());
  double sum = 0;
  for (const std::int64_t count : counts)
    sum += (static_cast<double>(count) - mean) * (static_cast<double>(count) - mean) / mean;
  return sum;
}

double deviation(const std::vector<std::int64_t>& counts) {
  return deviation(chi_square(counts), static_cast<double>(counts.size()) - 1);
}

double correlation(const Rows& a, const Rows& b) {
  const double n = static_cast<double>(a.size()), mean = (n - 1) / 2;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - mean) * (static_cast<double>(b[i]) - mean);
  return sum / n / ((n * n - 1) / 12);
}

/// In which of so many equal ranges a row lies.
std::size_t bin_of(std::int64_t row, std::int64_t bins, std::int64_t rows) {
  return static_cast<std::size_t>(row * bins / rows);
}

}  // namespace

TEST_CASE("An order holds each row once, listed and computed alike, whatever the number of rows") {
  const std::int64_t most = is_full_run() ? 3000 : 300;
  for (const std::int64_t threshold : {kNone, kAll})
    for (std::int64_t rows = 0; rows <= most; ++rows)
      for (const std::uint32_t epoch : {0U, 1U, 2U}) {
        CAPTURE(threshold, rows, epoch);
        REQUIRE(holds_each_row_once(order_of(rows, epoch, threshold)));
      }
  for (const int bits : {10, 11, 12, 15, 16, 17})
    for (const int offset : {-1, 0, 1}) {
      CAPTURE(bits, offset);
      REQUIRE(holds_each_row_once(order_of((std::int64_t{1} << bits) + offset, 1, kNone)));
    }
}

TEST_CASE("An order holds each row once on both sides of the threshold") {
  for (const std::int64_t rows : {kMostListedRows - 1, kMostListedRows, kMostListedRows + 1, kMany, 2 * kMostListedRows,
                                  2 * kMostListedRows + 1}) {
    CAPTURE(rows);
    CHECK(holds_each_row_once(order_of(rows, 3)));
  }
  if (is_full_run()) CHECK(holds_each_row_once(order_of((std::int64_t{1} << 26) + 5, 3)));
}

// Were the rows drawn at random, 256 of the first would occur twice.
TEST_CASE("Of more rows than memory can list the sampled ones differ and are rows") {
  const auto rows = GENERATE((std::int64_t{1} << 31), (std::int64_t{1} << 31) + 12345, (std::int64_t{1} << 40) - 1,
                             std::int64_t{INT64_MAX});
  RowOrder order(Random(42, "shuffle"), rows);
  order.begin_epoch(1);
  constexpr std::int64_t kPairs = 1 << 19;
  Rows sampled;
  sampled.reserve(2 * kPairs);
  for (std::int64_t pair = 0; pair < kPairs; ++pair)
    for (const std::int64_t neighbor : {0, 1}) sampled.push_back(order.row(pair * (rows / kPairs) + neighbor));
  std::sort(sampled.begin(), sampled.end());
  CHECK(std::adjacent_find(sampled.begin(), sampled.end()) == sampled.end());
  CHECK(sampled.front() >= 0);
  CHECK(sampled.back() < rows);
  CHECK(sampled.back() > rows / 2);
}

// Worked out by another program, from the definitions alone. Who changes them changes the bits of runs.
TEST_CASE("Orders are what they were") {
  CHECK(order_of(10, 1) == Rows{4, 7, 5, 0, 2, 8, 3, 9, 1, 6});
  CHECK(order_of(10, 1, kNone) == Rows{2, 0, 1, 7, 8, 9, 4, 5, 3, 6});
  const auto some_of = [](std::int64_t rows) {
    RowOrder order(Random(42, "shuffle"), rows);
    order.begin_epoch(3);
    return Rows{order.row(0), order.row(1), order.row(rows / 2), order.row(rows - 1)};
  };
  CHECK(some_of(1000) == Rows{620, 191, 376, 164});
  CHECK(some_of(kMostListedRows + 1) == Rows{525644, 102473, 713880, 837441});
  CHECK(some_of(INT64_MAX) == Rows{4427191804073971718, 4464961549580297657, 3831131312886015340, 4561512689155635164});
}

TEST_CASE("The threshold belongs to the listed orders") {
  CHECK((order_of(kMostListedRows, 3) == order_of(kMostListedRows, 3, kAll)));
  CHECK((order_of(kMostListedRows + 1, 3) == order_of(kMostListedRows + 1, 3, kNone)));
  CHECK((order_of(1000, 3, kAll) != order_of(1000, 3, kNone)));
}

TEST_CASE("An order takes four bytes a row up to the threshold, and none above it") {
  CHECK(RowOrder::memory_bytes(0) == 0);
  CHECK(RowOrder::memory_bytes(60000) == 240000);
  CHECK(RowOrder::memory_bytes(kMostListedRows) == std::size_t{4} << 20);
  CHECK(RowOrder::memory_bytes(kMostListedRows + 1) == 0);
  CHECK(RowOrder::memory_bytes(INT64_MAX) == 0);
}

TEST_CASE("An epoch's order does not depend on the epochs before it") {
  const auto threshold = GENERATE(std::int64_t{kNone}, std::int64_t{kAll});
  RowOrder order(Random(42, "shuffle"), 1000, threshold);
  for (const std::uint32_t epoch : {7U, 2U, 7U}) {
    order.begin_epoch(epoch);
    const Rows expected = order_of(1000, epoch, threshold);
    for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(order.row(static_cast<std::int64_t>(i)) == expected[i]);
  }
}

TEST_CASE("Every position of a listed order is equally likely") {
  std::array<int, 25> counts{};
  for (std::uint32_t epoch = 0; epoch < 5000; ++epoch) {
    const Rows order = order_of(5, epoch);
    for (std::size_t i = 0; i < 5; ++i) ++counts[i * 5 + static_cast<std::size_t>(order[i])];
  }
  // 5,000 draws of probability 1/5: mean 1,000, standard deviation 28; five of them on each side.
  for (const int count : counts) CHECK(std::abs(count - 1000) < 141);
}

TEST_CASE("The row at a position is equally likely any one, over epochs and over seeds") {
  const bool over_seeds = GENERATE(false, true);
  const std::array<std::int64_t, 4> positions = {0, 1, kLowPart, kMany - 1};
  std::array<std::vector<std::int64_t>, 8> counts;
  counts.fill(std::vector<std::int64_t>(64));
  RowOrder order(Random(42, "shuffle"), kMany);
  for (std::uint32_t i = 0; i < 32768; ++i) {
    if (over_seeds) order = RowOrder(Random(i, "shuffle"), kMany);
    order.begin_epoch(over_seeds ? 1 : i);
    for (std::size_t k = 0; k < positions.size(); ++k) {
      const std::int64_t row = order.row(positions[k]);
      ++counts[2 * k][bin_of(row, 64, kMany)];
      ++counts[2 * k + 1][static_cast<std::size_t>(row % 64)];
    }
  }
  for (const auto& one : counts) CHECK(std::abs(deviation(one)) < 5);
}

TEST_CASE("Positions a fixed step apart do not hold rows a fixed step apart") {
  const Rows order = order_of(kMany, 1);
  for (const std::int64_t step : {std::int64_t{1}, std::int64_t{2}, kLowPart, kHighPart, 2 * kLowPart, kMany / 2}) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(kMany)), binned(1024);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t other = (i + static_cast<std::size_t>(step)) % order.size();
      const std::int64_t offset = (order[other] - order[i] + kMany) % kMany;
      ++counts[static_cast<std::size_t>(offset)];
      ++binned[bin_of(offset, 1024, kMany)];
    }
    CAPTURE(step);
    // By chance an offset occurs once, and one of a million hardly ever 12 times.
    CHECK(*std::max_element(counts.begin(), counts.end()) <= 12);
    CHECK(std::abs(deviation(binned)) < 5);
  }
}

// Neighbors share their high part, and positions that are kLowPart apart their low one: what few rounds mix badly shows here.
TEST_CASE("Positions that share a part are spread over all rows") {
  constexpr std::int64_t kBins = 32;
  const Rows order = order_of(kMany, 1);
  const bool shares_high = GENERATE(true, false);
  const bool by_size = GENERATE(true, false);
  const std::int64_t highs = kMany / kLowPart, parts = shares_high ? highs : kLowPart;
  double sum = 0;
  for (std::int64_t part = 0; part < parts; ++part) {
    std::vector<std::int64_t> counts(kBins);
    for (std::int64_t other = 0; other < (shares_high ? kLowPart : highs); ++other) {
      const std::int64_t position = shares_high ? part * kLowPart + other : other * kLowPart + part;
      const std::int64_t row = order[static_cast<std::size_t>(position)];
      ++counts[by_size ? bin_of(row, kBins, kMany) : static_cast<std::size_t>(row % kBins)];
    }
    sum += chi_square(counts);
  }
  CHECK(std::abs(deviation(sum, static_cast<double>(parts * (kBins - 1)))) < 5);
}

TEST_CASE("Another epoch, and another seed, give an order that has nothing to do with the first") {
  const auto threshold = GENERATE(std::int64_t{kNone}, std::int64_t{kAll});
  Rows in_order(static_cast<std::size_t>(kMany));
  std::iota(in_order.begin(), in_order.end(), std::int64_t{0});
  const Rows one = order_of(kMany, 1, threshold);
  for (const Rows& other : {in_order, order_of(kMany, 2, threshold), order_of(kMany, 1, threshold, 43)}) {
    // By chance one row is where it was, and ten are in one of ten million orders; 1 / sqrt(rows) is the standard deviation
    // of a correlation.
    CHECK(equal_places(one, other) < 10);
    CHECK(std::abs(correlation(one, other)) < 5 / std::sqrt(static_cast<double>(kMany)));
  }
}

TEST_CASE("Any number of threads may ask for rows at once") {
  const Rows alone = order_of(kMany, 1);
  RowOrder order(Random(42, "shuffle"), kMany);
  order.begin_epoch(1);
  Rows together(alone.size());
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < 4; ++first)
    threads.emplace_back([&order, &together, first] {
      for (std::size_t i = first; i < together.size(); i += 4) together[i] = order.row(static_cast<std::int64_t>(i));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK((together == alone));
}
