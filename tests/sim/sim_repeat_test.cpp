// Many runs in one process: each gives back what it took.
#include "catch.hpp"
#include "notebook.hpp"

#include <malloc.h>

#include <cstddef>

using namespace millrace;
using namespace millrace::sim;

namespace {

// What is handed out, not what the process has: how far the C library's heap falls into pieces is not ours.
std::size_t bytes_in_use() {
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

}  // namespace

TEST_CASE("a hundred runs in one process hold memory flat", "[sim]") {
  const std::string device = GENERATE(as<std::string>{}, "cpu", "sim");
  CAPTURE(device);
  Notebook notebook;
  notebook.set({"train.cache=device", "valid.cache=device", "epochs=1"});
  const auto run = [&] {
    const auto world = new_world();
    const RunReport report = notebook.run(device);
    CHECK(names_of(report) == Names{});
    check_clean(*world, report);
  };
  for (int i = 0; i < 30; ++i) run();  // the pools of threads and allocators reach their size
  const std::size_t before = bytes_in_use();
  for (int i = 0; i < 100; ++i) run();
  CHECK(bytes_in_use() < before + 100 * 1024);  // less than a packet of 48 rows a run
}
