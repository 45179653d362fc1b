// Packets that travel as one message, in whole runs: whatever is gathered with what, nothing waits for more to come.
#include "catch.hpp"
#include "notebook.hpp"

#include <atomic>
#include <csignal>

using namespace millrace;
using namespace millrace::sim;

TEST_CASE("gathering waits for nothing: the smallest budgets and batches of one row come through", "[sim]") {
  Notebook notebook;
  std::vector<std::string> sets{"train.run.blocks=1", "valid.run.blocks=1"};
  for (const char* size :
       {"train_batches.batch_size=1", "train_batches.batch_size=48", "train_batches.batch_size=300"}) {
    sets.emplace_back(size);
    notebook.set(sets);
    const RunReport cpu = notebook.run("cpu");
    for (const int threads : {1, 4}) {
      INFO(size << ", " << threads << " threads");
      const auto world = new_world();
      const RunReport report = notebook.run("sim", threads);
      CHECK(names_of(report) == Names{});
      CHECK(report.weights_sha256 == cpu.weights_sha256);
      check_clean(*world, report);
    }
    sets.pop_back();
  }
}

TEST_CASE("a message ends where it is large enough, and large packets travel alone", "[sim]") {
  Notebook notebook;
  notebook.set({"train_batches.batch_size=1", "train_to_device.gather_bytes=600", "valid_to_device.gather_bytes=511"});
  const auto world = new_world();
  CHECK(names_of(notebook.run("sim", 1)) == Names{});
  // A row of 36 bytes and a label take 512 bytes of a message; a batch of 20 rows is too large for one.
  CHECK(world->copies() >= 3 * (300 * 512 / (256 * 1024) + 2 * 4));
  CHECK(world->copies() < 3 * 2 * (300 + 4));
}

TEST_CASE("a signal with gathered packets under way ends the run when they have ended", "[sim]") {
  const Notebook notebook;
  std::atomic<int> signal{0};
  Settings settings;
  settings.on_copy = [&](std::uint64_t) { signal = SIGTERM; };
  const auto world = new_world(settings);
  RunOptions options;
  options.stop_signal = &signal;
  const RunReport report = notebook.run("sim", 2, options);
  CHECK(names_of(report) == Names{});
  CHECK(report.exit_code == 128 + SIGTERM);
  check_clean(*world, report);
}
