// Where a device's time goes: copies behind computations, and a cause for every idle second.
#include "device/device_timeline.hpp"
#include "catch.hpp"

using namespace millrace;

namespace {

/// A computation that needed nothing but the device itself.
ComputeSpan at_once(double begin, double end) { return {{begin, end}, 0, 0, 0}; }

void check_balance(const DeviceTimes& times) {
  CHECK(times.busy + times.idle() == Approx(times.seconds));
  CHECK(times.copy_hidden <= times.copy);
}

}  // namespace

TEST_CASE("a copy is hidden by what the device computes meanwhile", "[timeline]") {
  DeviceTimeline line;
  line.add_copy({0, 4});
  line.add_compute({{4, 10}, 0, 0, 4});
  line.add_copy({4, 8});   // wholly behind the first computation
  line.add_copy({8, 13});  // 2 of 5 seconds
  line.add_compute({{13, 15}, 5, 5, 13});
  const DeviceTimes times = line.times();
  CHECK(times.copy == 13);
  CHECK(times.copy_hidden == 6);
  CHECK(times.busy == 8);
  CHECK(times.seconds == 15);
  CHECK(times.idle_input == 7);  // 4 for the first copy, 3 for the third
  check_balance(times);
}

TEST_CASE("a copy that ends before its cover is reported is hidden all the same", "[timeline]") {
  DeviceTimeline line;
  line.add_compute(at_once(0, 1));
  line.add_copy({2, 3});
  CHECK(line.times().copy_hidden == 0);
  line.add_compute({{1, 5}, 0, 0, 0});
  CHECK(line.times().copy_hidden == 1);
  check_balance(line.times());
}

TEST_CASE("idle time is input until the batch is there, launch until the work is enqueued", "[timeline]") {
  DeviceTimeline line;
  line.add_compute(at_once(0, 10));
  line.add_compute({{30, 40}, 14, 17, 25});  // 10..14 no batch, ..17 launching, ..25 its copy, ..30 not begun
  const DeviceTimes times = line.times();
  CHECK(times.idle_input == 4 + 8);
  CHECK(times.idle_launch == 3 + 5);
  CHECK(times.idle_sync == 0);
  CHECK(times.idle_communication == 0);
  check_balance(times);
}

TEST_CASE("a wait of the host is sync, a wait for peers communication, and sync goes first", "[timeline]") {
  DeviceTimeline line;
  line.add_compute(at_once(0, 10));
  line.add_sync({5, 13});
  line.add_communication({12, 18});
  line.add_compute({{20, 21}, 19, 19, 0});
  DeviceTimes times = line.times();
  CHECK(times.idle_sync == 3);
  CHECK(times.idle_communication == 5);
  CHECK(times.idle_input == 1);
  CHECK(times.idle_launch == 1);
  line.add_compute({{24, 25}, 0, 0, 0});  // the earlier waits do not count again
  times = line.times();
  CHECK(times.idle_sync == 3);
  CHECK(times.idle_launch == 4);
  check_balance(times);
}

TEST_CASE("two streams that compute at once make the device busy once", "[timeline]") {
  DeviceTimeline line;
  line.add_compute(at_once(0, 10));
  line.add_compute(at_once(5, 12));
  line.add_compute(at_once(6, 8));
  CHECK(line.times().busy == 12);
  CHECK(line.times().seconds == 12);
  check_balance(line.times());
}

TEST_CASE("a device that has done nothing has no times to speak of", "[timeline]") {
  const DeviceTimes times = DeviceTimeline().times();
  CHECK(times.seconds == 0);
  CHECK(times.idle() == 0);
}
