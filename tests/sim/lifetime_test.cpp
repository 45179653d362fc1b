// Eight ways to use a buffer too early or too late, each in a small training loop that is sound without it. The simulated device
// names each one, whatever the streams happened to do first.
#include "catch.hpp"
#include "sim_device.hpp"

#include <cstring>
#include <functional>

using namespace millrace;
using namespace millrace::sim;

namespace {

enum class Bug {
  none,
  slot_refilled,     // the host writes the next batch into a staging slot that is still being copied
  host_reads_early,  // the host reads a device buffer before its event
  no_wait,           // the compute stream does not wait for the copy stream
  source_freed,      // a staging slot goes while its copy reads it
  freed_in_use,      // a device buffer goes while the computation reads it
  reused_too_soon,   // the next copy into a device buffer does not wait until the computation is done with it
  no_event,          // the copy has no event, and the computation waits for one that nobody recorded
  used_after_free,   // a device buffer is read after it was given back
};

constexpr std::size_t kBytes = 256;
constexpr int kBatches = 8, kSlots = 2;

/// A ring of two staging slots and two device buffers, one copy stream, one compute stream, events in both directions.
class Loop {
 public:
  Loop(const std::shared_ptr<World>& world, Bug bug)
      : bug_(bug), world_(*world), device_(world), copies_(world), computations_(world) {
    for (Slot& slot : slots_) {
      slot.staging = device_.staging().allocate(kBytes);
      slot.device = device_.memory().allocate(kBytes);
    }
  }

  /// Sound batches, then one with the bug in it. All work is done and everything given back when it returns.
  void run() {
    for (int batch = 0; batch < kBatches; ++batch) step(slots_[batch % kSlots], batch, Bug::none);
    if (bug_ != Bug::none) {
      stand_still();
      step(slots_[0], kBatches, bug_);
    }
    world_.resume();
    copies_.synchronize();
    computations_.synchronize();
    for (Slot& slot : slots_) slot = {};
  }
  int sum() const { return sum_; }

 private:
  struct Slot {
    std::shared_ptr<std::byte> staging, device;
    Event copied, used;
  };

  // All is seen done, then nothing moves: what follows meets work that is under way for certain.
  void stand_still() {
    copies_.synchronize();
    computations_.synchronize();
    world_.hold();
  }

  void step(Slot& slot, int batch, Bug bug) {
    slot.copied.synchronize();  // before the refill
    std::memset(slot.staging.get(), batch + 1, kBytes);
    if (slot.used.state()) copies_.wait(slot.used);
    copies_.copy(slot.device.get(), slot.staging.get(), kBytes);
    slot.copied = bug == Bug::no_event ? Event() : copies_.record();
    if (bug == Bug::slot_refilled) std::memset(slot.staging.get(), 0, kBytes);
    if (bug == Bug::source_freed) slot.staging.reset();
    if (bug == Bug::host_reads_early) world_.host_reads({slot.device.get(), kBytes});
    compute(slot, bug);
    if (bug == Bug::freed_in_use) slot.device.reset();
    if (bug != Bug::reused_too_soon) return;
    copies_.copy(slot.device.get(), slot.staging.get(), kBytes);
    slot.copied = copies_.record();
  }

  void compute(Slot& slot, Bug bug) {
    const std::byte* input = slot.device.get();
    if (bug != Bug::no_wait) computations_.wait(slot.copied);
    if (bug == Bug::used_after_free ||
        bug == Bug::freed_in_use) {  // these are about the computation, not about the copy
      world_.resume();
      slot.copied.synchronize();
    }
    if (bug == Bug::used_after_free) slot.device.reset();
    // With a bug in it the computation only says what it would read: really reading would be a race of this program.
    std::function<void()> body = [] {};
    if (bug == Bug::none) body = [this, input] { sum_ += static_cast<int>(input[kBytes - 1]); };
    computations_.compute({{input, kBytes}}, {}, 0, 1, std::move(body));
    slot.used = computations_.record();
  }

  Bug bug_;
  World& world_;
  SimDevice device_;
  SimStream copies_, computations_;
  Slot slots_[kSlots];
  int sum_ = 0;
};

std::vector<std::string> names_found(Bug bug) {
  const auto world = std::make_shared<World>(Settings{});
  Loop(world, bug).run();
  return world->violation_names();
}

}  // namespace

TEST_CASE("a sound loop is not accused of anything, whatever its streams do first", "[sim]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Settings settings;
    settings.seed = seed;
    const auto world = std::make_shared<World>(settings);
    Loop loop(world, Bug::none);
    loop.run();
    INFO("seed " << seed);
    CHECK(loop.sum() == kBatches * (kBatches + 1) / 2);
    CHECK(world->violation_names() == std::vector<std::string>{});
  }
}

TEST_CASE("each planted bug is named, and nothing else is", "[sim]") {
  using Names = std::vector<std::string>;
  CHECK(names_found(Bug::slot_refilled) == Names{"slot-refilled"});
  CHECK(names_found(Bug::host_reads_early) == Names{"read-before-event"});
  CHECK(names_found(Bug::no_wait) == Names{"missing-wait"});
  CHECK(names_found(Bug::source_freed) == Names{"source-freed"});
  CHECK(names_found(Bug::freed_in_use) == Names{"freed-while-computing"});
  CHECK(names_found(Bug::reused_too_soon) == Names{"reused-before-done"});
  CHECK(names_found(Bug::no_event) == Names{"unrecorded-event", "missing-wait"});
  CHECK(names_found(Bug::used_after_free) == Names{"use-after-free"});
}

TEST_CASE("memory that was never written, and copies that nothing stands behind, are named", "[sim]") {
  const auto world = std::make_shared<World>();
  {
    SimDevice device(world);
    const auto host = device.staging().allocate(kBytes), fresh = device.memory().allocate(kBytes);
    SimStream stream(world);
    stream.compute({{fresh.get(), kBytes}}, {}, 0, 1, [] {});
    stream.synchronize();
    CHECK(world->violation_names() == std::vector<std::string>{"read-of-poison"});
    CHECK(std::to_integer<unsigned>(fresh.get()[0]) == Shadow::kPoison);
    SimStream careless(world);
    careless.copy(fresh.get(), host.get(), kBytes);
    world->hold();  // whatever it does: nobody sees the end of this copy
    world->resume();
  }
  CHECK(world->violation_names() ==
        std::vector<std::string>{"read-of-poison", "copy-without-event", "target-freed", "source-freed"});
}

TEST_CASE("a write to memory that was given back is named when the device goes", "[sim]") {
  const auto world = std::make_shared<World>();
  {
    SimDevice device(world);
    std::byte* late = device.staging().allocate(kBytes).get();
    late[3] = std::byte{1};  // still mapped, and poisoned
  }
  CHECK(world->violation_names() == std::vector<std::string>{"written-after-free"});
}

TEST_CASE("the computed times of a loop by hand are exact", "[sim]") {
  Settings settings;
  settings.seconds_per_copied_byte = 1.0 / kBytes;  // a second a copy
  const auto world = std::make_shared<World>(settings);
  SimDevice device(world);
  {
    SimStream copies(world), computations(world);
    const auto host = device.staging().allocate(kBytes), a = device.memory().allocate(kBytes),
               b = device.memory().allocate(kBytes);
    copies.copy(a.get(), host.get(), kBytes);  // 0 .. 1
    const Event first = copies.record();
    copies.copy(b.get(), host.get(), kBytes);  // 1 .. 2, behind the first computation
    const Event second = copies.record();
    computations.wait(first);
    computations.compute({{a.get(), kBytes}}, {}, 0, 4, [] {});  // 1 .. 5
    computations.synchronize();                                  // the host waits until 5
    world->advance(2);                                           // the next batch comes at 7
    world->advance(3);                                           // and takes until 10 to be enqueued
    computations.wait(second);
    computations.compute({{b.get(), kBytes}}, {}, 7, 2, [] {});  // 10 .. 12
    computations.synchronize();
    copies.synchronize();
  }
  const DeviceTimes times = *device.times();
  CHECK(times.seconds == 12);
  CHECK(times.busy == 6);
  CHECK(times.copy == 2);
  CHECK(times.copy_hidden == 1);
  CHECK(times.idle_input == 1 + 2);  // the first copy, then no batch
  CHECK(times.idle_launch == 3);
  CHECK(times.idle_sync == 0);  // the host waited while the device worked
  CHECK(times.idle_communication == 0);
  CHECK(world->violation_names() == std::vector<std::string>{});
}
