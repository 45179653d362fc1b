// What a packet costs in a stage that does nothing: the difference between a long and a short chain of empty stages.
//
//   packet_cost [PACKETS [THREADS]]     default: 200000 packets on 2 threads
#include "test_stages.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace millrace::testing;

namespace {

double seconds_of(int stages, std::int64_t packets, int threads, bool serial) {
  TestGraph graph(1, threads);
  graph.source("src", packets, 1).budget_blocks = 64;
  std::string last = "src";
  for (int i = 0; i < stages; ++i) {
    const std::string name = "stage_" + std::to_string(i);
    if (serial) {
      graph.serial(name, last);
    } else {
      graph.transform(name, last);
    }
    last = name;
  }
  graph.add("end", std::make_unique<FunctionSerial>([](millrace::SerialContext&) {}), {{"in", last}}, {});
  const RunReport report = graph.run();
  if (report.exit_code != 0) std::abort();
  return report.seconds;
}

/// Microseconds a packet and stage, median of five.
double cost(std::int64_t packets, int threads, bool serial) {
  std::vector<double> costs;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double two = seconds_of(2, packets, threads, serial);
    const double ten = seconds_of(10, packets, threads, serial);
    costs.push_back((ten - two) / 8 / static_cast<double>(packets) * 1e6);
  }
  std::sort(costs.begin(), costs.end());
  return costs[2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t packets = argc > 1 ? std::atoll(argv[1]) : 200000;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const double transform = cost(packets, threads, false), serial = cost(packets, threads, true);
  std::printf("an empty transform %.2f us a packet, an empty serial %.2f us a packet, on %d threads (limit 2 us)\n",
              transform, serial, threads);
  return transform <= 2 && serial <= 2 ? 0 : 1;
}
