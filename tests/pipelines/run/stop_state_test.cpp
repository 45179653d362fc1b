// Whether a run is being stopped, and who hears of it.
#include "run/stop_state.hpp"
#include "catch.hpp"

using namespace millrace;
using pipelines::RunFailure;

TEST_CASE("whoever hears of a failure finds it stored", "[stop_state]") {
  pipelines::StopState stop(nullptr);
  std::size_t stored = 0;
  bool stopping = false;
  stop.set_listener([&](const RunFailure&) {
    stored = stop.failures().size();
    stopping = stop.stopping();
  });
  RunFailure failure;
  failure.name = "planted";
  stop.fail(failure);
  CHECK(stored == 1);
  CHECK(stopping);
}
