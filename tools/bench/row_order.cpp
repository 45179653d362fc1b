// What it costs to know the rows of an epoch in a new order: computed from their positions, beside a list that is shuffled first.
//
//   row_order [ROWS]     default: 10000000
#include <millrace/random.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using millrace::RowOrder;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Nanoseconds a row, to begin an epoch and to ask for every position of it; medians of five epochs.
struct Cost {
  double begin = 0, ask = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Cost cost_of(RowOrder order, std::int64_t rows) {
  std::vector<double> begin, ask;
  std::int64_t sum = 0;
  for (std::uint32_t epoch = 1; epoch <= 5; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    order.begin_epoch(epoch);
    begin.push_back(seconds_since(start));
    const auto begun = std::chrono::steady_clock::now();
    for (std::int64_t position = 0; position < rows; ++position) sum += order.row(position);
    ask.push_back(seconds_since(begun));
  }
  if (sum != 5 * (rows * (rows - 1) / 2)) std::abort();  // each row once an epoch
  const double to_ns = 1e9 / static_cast<double>(rows);
  return {median(begin) * to_ns, median(ask) * to_ns};
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rows = argc > 1 ? std::atoll(argv[1]) : 10'000'000;
  if (rows < 1 || rows > 1'000'000'000) return 2;
  const millrace::Random random(42, "shuffle");
  const Cost computed = cost_of(RowOrder(random, rows, 0), rows), listed = cost_of(RowOrder(random, rows, rows), rows);
  std::printf("%lld rows, nanoseconds a row: computed %.1f; listed %.1f to shuffle and %.1f to read\n",
              static_cast<long long>(rows), computed.begin + computed.ask, listed.begin, listed.ask);
}
