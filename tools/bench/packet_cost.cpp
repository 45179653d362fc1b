// What a packet costs in a stage that does nothing: the difference between a long and a short chain of empty stages.
//
//   packet_cost [PACKETS [THREADS]]     default: 200000 packets on 2 threads
#include "test_stages.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace millrace::testing;

namespace {

constexpr int kNames = 10'000;

/// What a chain of empty stages is made of, and what goes through it.
struct Chain {
  bool serial = false;
  int class_names = 0;
};

/// One-row packets whose values stand for so many names.
std::unique_ptr<millrace::Stage> named_source(std::int64_t packets, int class_names) {
  millrace::TensorSpec spec = number_spec();
  std::vector<std::string> names;
  for (int i = 0; i < class_names; ++i) names.push_back("the name of class " + std::to_string(i));
  spec.class_names = std::move(names);
  return std::make_unique<FunctionSource>([spec, packets, at = std::int64_t{0}](millrace::SourceContext& ctx) mutable {
    millrace::OutTensor out = ctx.allocate(spec, 1);
    out.values<std::int32_t>()[0] = 0;
    auto ids = std::make_shared<std::vector<std::uint64_t>>(1, static_cast<std::uint64_t>(at));
    const auto first = static_cast<std::uint64_t>(at++);
    ctx.emit("out", millrace::OutputPacket::tensor(std::move(out).freeze(), std::move(ids), first, at == packets));
  });
}

double seconds_of(int stages, std::int64_t packets, int threads, const Chain& chain) {
  TestGraph graph(1, threads);
  graph.add("src", named_source(packets, chain.class_names), {}, {{"out", numbers(1)}}).budget_blocks = 64;
  std::string last = "src";
  for (int i = 0; i < stages; ++i) {
    const std::string name = "stage_" + std::to_string(i);
    if (chain.serial) {
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
double cost(std::int64_t packets, int threads, const Chain& chain) {
  std::vector<double> costs;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double two = seconds_of(2, packets, threads, chain);
    const double ten = seconds_of(10, packets, threads, chain);
    costs.push_back((ten - two) / 8 / static_cast<double>(packets) * 1e6);
  }
  std::sort(costs.begin(), costs.end());
  return costs[2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t packets = argc > 1 ? std::atoll(argv[1]) : 200000;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const double transform = cost(packets, threads, {}), serial = cost(packets, threads, {.serial = true});
  const double named = cost(packets, threads, {.class_names = kNames});
  std::printf("an empty transform %.2f us a packet, an empty serial %.2f us a packet, on %d threads (limit 2 us)\n",
              transform, serial, threads);
  std::printf("an empty transform %.2f us a packet that carries %d names of classes\n", named, kNames);
  return transform <= 2 && serial <= 2 && named <= 2 ? 0 : 1;
}
