// What a device still reads stays until its event is done; a device that fails or hangs is reported once, and nothing blocks.
#include "run/nodes/event_waiter.hpp"
#include "catch.hpp"

#include <millrace/error.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

/// An event that the test lets happen.
class ManualEvent final : public Event::State {
 public:
  void happen(std::exception_ptr error = nullptr) {
    const std::lock_guard lock(mutex_);
    happened_ = true;
    error_ = error;
    changed_.notify_all();
  }
  bool done() override {
    const std::lock_guard lock(mutex_);
    return answer();
  }
  void synchronize() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return happened_; });
  }

 private:
  bool answer() const {
    if (error_) std::rethrow_exception(error_);
    return happened_;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool happened_ = false;
  std::exception_ptr error_;
};

struct Desk {
  std::atomic<int> reserved{0}, released{0}, given_up{0};
  std::mutex mutex;
  std::vector<std::string> failures;
  std::optional<EventWaiter> waiter;

  explicit Desk(std::chrono::milliseconds timeout = std::chrono::hours(1)) {
    WaiterHooks hooks;
    hooks.reserve = [this] { ++reserved; };
    hooks.release = [this] {
      ++released;
      released.notify_all();
    };
    hooks.give_up = [this] { ++given_up; };
    waiter.emplace(timeout, std::move(hooks));
  }
  void keep(const std::shared_ptr<ManualEvent>& event, std::shared_ptr<const void> kept, std::string who = "") {
    waiter->keep(Event(event), std::move(kept), [this, who](const std::exception_ptr& thrown) {
      const std::lock_guard lock(mutex);
      try {
        std::rethrow_exception(thrown);
      } catch (const Error& error) {
        failures.push_back(who + " " + error.name());
      }
    });
  }
  void wait_for_releases(int wanted) const {
    for (int now = released; now < wanted; now = released) released.wait(now);
  }
};

}  // namespace

TEST_CASE("what is kept stays until its event is done", "[waiter]") {
  Desk desk;
  const auto event = std::make_shared<ManualEvent>();
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = kept;
  desk.keep(event, std::move(kept));
  CHECK(desk.reserved == 1);
  CHECK_FALSE(watch.expired());
  CHECK(desk.released == 0);
  event->happen();
  desk.wait_for_releases(1);
  CHECK(watch.expired());
  CHECK(desk.failures.empty());
}

TEST_CASE("closing the waiter waits for all that is kept", "[waiter]") {
  Desk desk;
  std::vector<std::shared_ptr<ManualEvent>> events;
  for (int i = 0; i < 20; ++i) {
    events.push_back(std::make_shared<ManualEvent>());
    desk.keep(events.back(), nullptr);
  }
  for (auto it = events.rbegin(); it != events.rend(); ++it) (*it)->happen();
  desk.waiter.reset();
  CHECK(desk.reserved == 20);
  CHECK(desk.released == 20);
}

TEST_CASE("an error of the device reaches all that kept something for it, and the next event counts again",
          "[waiter]") {
  Desk desk;
  const auto fails = std::make_shared<ManualEvent>(), succeeds = std::make_shared<ManualEvent>();
  desk.keep(fails, nullptr, "first");
  desk.keep(succeeds, nullptr, "second");
  fails->happen(std::make_exception_ptr(Error(ErrorKind::run, "planted", "a failed copy")));
  succeeds->happen();
  desk.wait_for_releases(2);
  CHECK(desk.failures == std::vector<std::string>{"first planted"});
  CHECK(desk.given_up == 0);
}

TEST_CASE("what waits for an event is called when it is done, and also when it has come to nothing", "[waiter]") {
  Desk desk;
  const auto good = std::make_shared<ManualEvent>(), bad = std::make_shared<ManualEvent>();
  std::vector<std::string> calls;
  const auto fail = [&](const std::exception_ptr&) { calls.emplace_back("fail"); };
  desk.waiter->call(
      Event(good), [&] { calls.emplace_back("good"); }, fail);
  desk.waiter->call(
      Event(bad), [&] { calls.emplace_back("bad"); }, fail);
  CHECK(desk.released == 0);
  good->happen();
  bad->happen(std::make_exception_ptr(Error(ErrorKind::run, "planted", "a failed copy")));
  desk.waiter.reset();
  CHECK(calls == std::vector<std::string>{"good", "fail", "bad"});
  CHECK(desk.released == 2);
}

TEST_CASE("a device that does nothing is given up once, and everything is let go after that", "[waiter]") {
  Desk desk(std::chrono::milliseconds(20));
  const auto never = std::make_shared<ManualEvent>();
  for (const char* who : {"first", "second", "third"}) desk.keep(never, nullptr, who);
  desk.waiter.reset();
  CHECK(desk.failures == std::vector<std::string>{"first device-hung"});
  CHECK(desk.given_up == 1);
  CHECK(desk.released == 3);
}
