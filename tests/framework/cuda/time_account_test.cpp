// What an account of a GPU's time makes of marks that a GPU passes when it gets there. The GPU is a script here.
#include "cuda/device/time_account.hpp"

#include "catch.hpp"

#include <cmath>
#include <limits>

using namespace millrace;
using namespace millrace::cuda;

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// Two clocks: the host's, and the GPU's, which began elsewhere and may run at another speed.
struct Clocks {
  double host = 100, gpu_zero = 77, gpu_speed = 1;
  double gpu(double host_seconds) const { return host_seconds * gpu_speed - gpu_zero; }
};

/// Passed at a moment of the host's clock.
class ScriptedMark final : public TimeMark {
 public:
  ScriptedMark(const Clocks& clocks, double passed, int* looks = nullptr)
      : clocks_(clocks), passed_(passed), looks_(looks) {}
  bool reached() noexcept override {
    if (looks_ != nullptr) ++*looks_;
    return passed_ <= clocks_.host;
  }
  double seconds_since(const TimeMark& earlier) const override {
    const double from = static_cast<const ScriptedMark&>(earlier).passed_;
    if (from > passed_ || passed_ > clocks_.host) FAIL("a mark was compared with a later one, or before it was passed");
    return static_cast<double>(static_cast<float>(clocks_.gpu(passed_) - clocks_.gpu(from)));  // as CUDA tells it
  }

 private:
  const Clocks& clocks_;
  double passed_;
  int* looks_;
};

/// A stream of the scripted GPU.
class Script {
 public:
  Script(TimeAccount& account, Clocks& clocks) : account_(account), clocks_(clocks), lane_(account.add_lane()) {}
  /// The host asks and enqueues now, unless `asked` says otherwise; the GPU works from `begin` to `end`.
  SharedMoment work(WorkKind kind, double begin, double end, std::vector<SharedMoment> needs = {},
                    double asked = kNever) {
    account_.begin(*lane_, kind, mark(begin), asked == kNever ? clocks_.host : asked, clocks_.host);
    return account_.end(*lane_, mark(end), std::move(needs));
  }
  SharedMoment copy(double begin, double end) { return work(WorkKind::copy, begin, end); }
  SharedMoment compute(double begin, double end, std::vector<SharedMoment> needs = {}) {
    return work(WorkKind::compute, begin, end, std::move(needs));
  }
  int looks = 0;

 private:
  SharedMark mark(double passed) { return std::make_shared<ScriptedMark>(clocks_, passed, &looks); }
  TimeAccount& account_;
  Clocks& clocks_;
  std::shared_ptr<TimeAccount::Lane> lane_;
};

/// An account on scripted clocks.
struct Gpu {
  Clocks clocks;
  TimeAccount account{[this] { return clocks.host; }};
  Gpu() { account.start(std::make_shared<ScriptedMark>(clocks, clocks.host), clocks.host); }
};

void check_balance(const DeviceTimes& times) {
  CHECK(times.busy + times.idle() == Approx(times.seconds));
  CHECK(times.copy_hidden <= times.copy + 1e-6);
}

}  // namespace

TEST_CASE("copies and computations of two streams give the account that their times by hand give") {
  Gpu gpu;
  Script copies(gpu.account, gpu.clocks), computations(gpu.account, gpu.clocks);
  const SharedMoment first = copies.copy(100, 101), second = copies.copy(101, 102);
  computations.compute(101, 105, {first});
  gpu.clocks.host = 105;
  gpu.account.add_sync({101, 105});  // the host waited while the GPU worked
  gpu.clocks.host = 110;
  computations.work(WorkKind::compute, 110, 112, {second}, 107);
  gpu.clocks.host = 112;
  const DeviceTimes times = gpu.account.times();
  CHECK(times.seconds == Approx(12));
  CHECK(times.busy == Approx(6));
  CHECK(times.copy == Approx(2));
  CHECK(times.copy_hidden == Approx(1));
  CHECK(times.idle_input == Approx(1 + 2));
  CHECK(times.idle_launch == Approx(3));
  CHECK(times.idle_sync == 0);
  CHECK(times.idle_communication == 0);
  check_balance(times);
  CHECK(gpu.account.known_times().idle_communication == 0);
  CHECK(**first == Approx(101));
}

TEST_CASE("waits for peers within computations are idle, not busy") {
  Gpu gpu;
  Script computations(gpu.account, gpu.clocks);
  computations.compute(gpu.clocks.host, gpu.clocks.host + 4);
  gpu.clocks.host += 4;
  gpu.account.add_communication(1);
  gpu.account.add_communication(0.5);
  const DeviceTimes times = gpu.account.times();
  CHECK(times.busy == Approx(2.5));
  CHECK(times.idle_communication.value() == Approx(1.5));
  check_balance(times);
  gpu.account.add_communication(100);  // a clock that disagrees makes nothing negative
  CHECK(gpu.account.known_times().busy == 0);
  check_balance(gpu.account.known_times());
}

TEST_CASE("work that the GPU is not done with is left for later") {
  Gpu gpu;
  Script stream(gpu.account, gpu.clocks);
  stream.compute(100, 102);
  stream.compute(102, kNever);
  CHECK(gpu.account.times().seconds == 0);
  gpu.clocks.host = 103;
  CHECK(gpu.account.times().busy == Approx(2));
  CHECK(gpu.account.known_times().busy == Approx(2));
}

TEST_CASE("a wait of the host is charged to every gap that it lies in") {
  Gpu gpu;
  Script training(gpu.account, gpu.clocks), evaluation(gpu.account, gpu.clocks);
  training.compute(100, 110);
  gpu.clocks.host = 112;
  evaluation.compute(112, 113);
  gpu.clocks.host = 116;
  gpu.account.add_sync({105, 116});
  gpu.clocks.host = 120;
  training.compute(121, 122);
  gpu.clocks.host = 130;
  const DeviceTimes times = gpu.account.times();
  CHECK(times.idle_sync == Approx(2 + 3));
  check_balance(times);
}

TEST_CASE("streams that are looked at in the wrong order are told in the right one") {
  Gpu gpu;
  Script late(gpu.account, gpu.clocks), early(gpu.account, gpu.clocks);
  late.compute(109.9, 110.05);
  early.compute(100, 110);
  gpu.clocks.host = 111;
  const DeviceTimes times = gpu.account.times();
  CHECK(times.busy == Approx(10.05));
  CHECK(times.idle() == Approx(0).margin(1e-5));
}

TEST_CASE("nothing begins before it was enqueued, however the clocks run apart") {
  Gpu gpu;
  gpu.clocks.gpu_speed = GENERATE(1.0, 1 + 5e-5, 1 - 5e-5);
  CAPTURE(gpu.clocks.gpu_speed);
  Script stream(gpu.account, gpu.clocks);
  constexpr int kSteps = 20000;  // an hour: the clocks part by 180 ms
  for (int i = 0; i < kSteps; ++i) {
    const double start = 100 + 0.18 * i;
    gpu.clocks.host = start;
    stream.work(WorkKind::compute, start + 0.001, start + 0.101, {}, start - 0.04);  // of 180 ms 100, launched in 40
    gpu.clocks.host = start + 0.102;
    if (i % 50 == 0) gpu.account.times();
  }
  const DeviceTimes times = gpu.account.times();
  CHECK(times.seconds == Approx(0.18 * kSteps).epsilon(1e-3));
  CHECK(times.busy == Approx(0.1 * kSteps).epsilon(1e-3));
  CHECK(times.idle_input == Approx(0.039 * kSteps).epsilon(0.05));
  CHECK(times.idle_launch == Approx(0.041 * kSteps).epsilon(0.05));
  check_balance(times);
}

TEST_CASE("over a day the account stays exact, though a GPU tells times in float32") {
  Gpu gpu;
  Script stream(gpu.account, gpu.clocks);
  constexpr int kSteps = 86400;
  for (int i = 0; i < kSteps; ++i) {
    gpu.clocks.host = 100.0 + i;
    stream.compute(100.0 + i, 100.0 + i + 0.0001);
  }
  gpu.clocks.host = 1e6;
  CHECK(gpu.account.times().busy == Approx(0.0001 * kSteps).epsilon(1e-3));
}

TEST_CASE("what is pending is bounded, and none of it is lost") {
  Gpu gpu;
  Script stream(gpu.account, gpu.clocks), copies(gpu.account, gpu.clocks);
  constexpr int kSteps = 5000;
  for (int i = 0; i < kSteps; ++i) {
    stream.compute(101 + i * 0.01, 101 + (i + 1) * 0.01);  // all behind a GPU that has not begun
    copies.copy(101 + i * 0.01, 101 + i * 0.01 + 0.005);
  }
  CHECK(stream.looks < 3 * kSteps);
  gpu.clocks.host = 1000;
  const DeviceTimes times = gpu.account.times();
  CHECK(times.busy == Approx(0.01 * kSteps));
  CHECK(times.idle() == Approx(0).margin(1e-4));
  CHECK(times.copy <= Approx(0.01 * kSteps));  // those told as one have their gaps in them
  check_balance(times);
}

TEST_CASE("most work costs no look at its marks") {
  Gpu gpu;
  Script stream(gpu.account, gpu.clocks);
  for (int i = 0; i < 640; ++i) {
    gpu.clocks.host = 100 + i;
    stream.compute(100 + i, 100 + i + 0.5);
  }
  CHECK(stream.looks < 2 * 640);
}
