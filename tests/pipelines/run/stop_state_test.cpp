// Whether a run is being stopped, and who hears of it.
#include "run/report/stop_state.hpp"
#include "catch.hpp"

using namespace millrace;
using pipelines::RunFailure;

TEST_CASE("a listener to failures finds each of them stored", "[stop_state]") {
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

TEST_CASE("a failure in an epoch leaves those before it, one in none leaves nothing", "[stop_state]") {
  pipelines::StopState stop(nullptr);
  RunFailure failure;
  for (const std::uint32_t epoch : {5U, 3U, 4U}) {
    failure.epoch = epoch;
    stop.fail(failure);
  }
  CHECK(stop.stopping());
  CHECK(stop.stopping(3));
  CHECK_FALSE(stop.stopping(2));
  stop.give_up(2);
  CHECK(stop.stopping(2));
  CHECK_FALSE(stop.stopping(1));
  failure.epoch = 0;
  stop.fail(failure);
  CHECK(stop.stopping(1));
}

TEST_CASE("work that was canceled is no failure, but its epoch cannot be complete", "[stop_state]") {
  pipelines::StopState stop(nullptr);
  RunFailure failure;
  failure.epoch = 5;
  stop.fail(failure);
  failure.epoch = 4;
  failure.name = "canceled";
  stop.fail(failure);
  CHECK(stop.failures().size() == 1);
  CHECK(stop.stopping(4));
  CHECK_FALSE(stop.stopping(3));
}

TEST_CASE("a signal, and a failure of one of several processes, end every epoch", "[stop_state]") {
  std::atomic<int> signal{0};
  pipelines::StopState signaled(&signal), of_one(nullptr);
  CHECK_FALSE(signaled.stopping(1));
  signal = 15;
  CHECK(signaled.stopping(1));
  RunFailure failure;
  failure.epoch = 5;
  of_one.end_all_at_once();
  of_one.fail(failure);
  CHECK(of_one.stopping(1));
}

TEST_CASE("a run of which nobody wants more ends every epoch, without a failure", "[stop_state]") {
  pipelines::StopState stop(nullptr);
  CHECK_FALSE(stop.stopped());
  stop.enough();
  CHECK(stop.stopping());
  CHECK(stop.stopping(1));
  CHECK(stop.stopped());
  CHECK(stop.failures().empty());
  CHECK(stop.signal() == 0);
  RunFailure canceled;
  canceled.name = "canceled";
  stop.fail(canceled);  // what was under way then
  CHECK(stop.failures().empty());
}
