// Credits and the epoch gate, without a graph.
#include "backpressure/credit_ledger.hpp"
#include "catch.hpp"

#include <millrace/error.hpp>

#include <deque>
#include <new>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

/// A ledger whose credits wait in a list until the test uses them.
struct Desk {
  std::deque<Credit> credits;
  std::vector<std::uint32_t> ended;
  bool stopping = false, refuses = false;
  std::uint32_t given_up = UINT32_MAX;
  int failures = 0;
  std::shared_ptr<CreditLedger> ledger;

  Desk(std::vector<SourceBudget> sources, std::uint32_t last, std::uint32_t ahead) {
    LedgerHooks hooks;
    hooks.start = [this](Credit credit) {
      if (refuses) throw std::bad_alloc();
      credits.push_back(std::move(credit));
    };
    hooks.stopping = [this](std::uint32_t epoch) { return stopping || epoch >= given_up; };
    hooks.failed = [this](const std::exception_ptr&) {
      ++failures;
      stopping = true;
    };
    hooks.epoch_ended = [this](std::uint32_t epoch) { ended.push_back(epoch); };
    const std::size_t count = sources.size();
    ledger = CreditLedger::make(std::move(sources), EpochGate(1, last, ahead, count), std::move(hooks));
    ledger->start();
  }
  ~Desk() {
    ledger->close();
    credits.clear();
  }

  Credit take() {
    REQUIRE_FALSE(credits.empty());
    Credit credit = std::move(credits.front());
    credits.pop_front();
    return credit;
  }
  /// Uses the oldest credit for a block, and returns what the block holds.
  LeasePtr produce(bool last = false) {
    Credit credit = take();
    ledger->produced(credit.source, last);
    return credit.lease;
  }
};

SourceBudget budget(std::int64_t blocks) { return {"src", blocks, 0, 0}; }

}  // namespace

TEST_CASE("a source gets one credit at a time and as many as its budget", "[ledger]") {
  Desk desk({budget(2)}, 1, 1);
  CHECK(desk.credits.size() == 1);
  CHECK(desk.credits.front().begins_epoch);
  LeasePtr first = desk.produce();
  CHECK_FALSE(desk.credits.front().begins_epoch);
  LeasePtr second = desk.produce();
  CHECK(desk.credits.empty());
  CHECK(desk.ledger->source(0).alive == 2);
  first.reset();
  CHECK(desk.credits.size() == 1);
  CHECK(desk.ledger->source(0).high == 2);
}

TEST_CASE("bytes limit blocks as well, but one block always passes", "[ledger]") {
  Desk narrow({{"src", 10, 5, 100}}, 1, 1);
  const LeasePtr only = narrow.produce();
  CHECK(narrow.credits.empty());
  Desk wide({{"src", 10, 250, 100}}, 1, 1);
  const LeasePtr first = wide.produce(), second = wide.produce();
  CHECK(wide.credits.empty());
}

TEST_CASE("sources share no budget", "[ledger]") {
  Desk desk({budget(1), budget(1)}, 1, 1);
  REQUIRE(desk.credits.size() == 2);
  const LeasePtr a = desk.produce(), b = desk.produce();
  CHECK(desk.ledger->source(0).alive == 1);
  CHECK(desk.ledger->source(1).alive == 1);
}

TEST_CASE("an epoch waits until nothing of the epoch before the last one is alive", "[ledger]") {
  const std::uint32_t ahead = GENERATE(0U, 1U, 2U);
  Desk desk({budget(100)}, 10, ahead);
  std::vector<LeasePtr> ends;
  for (std::uint32_t epoch = 0; epoch <= ahead; ++epoch) ends.push_back(desk.produce(true));
  CHECK(desk.credits.empty());
  CHECK(desk.ended.empty());
  ends.erase(ends.begin());
  CHECK(desk.ended == std::vector<std::uint32_t>{1});
  REQUIRE(desk.credits.size() == 1);
  CHECK(desk.credits.front().epoch == ahead + 2);
}

TEST_CASE("an epoch ends when every source has made its epoch and nothing of it is held", "[ledger]") {
  Desk desk({budget(100), budget(100)}, 1, 1);
  desk.produce(true).reset();  // source 0
  CHECK(desk.ended.empty());
  LeasePtr held = desk.produce(true);  // source 1
  CHECK(desk.ended.empty());
  CHECK(desk.ledger->outstanding() == 2);
  held.reset();
  CHECK(desk.ended == std::vector<std::uint32_t>{1});
  CHECK(desk.ledger->outstanding() == 0);
}

TEST_CASE("epochs that die out of order end in order", "[ledger]") {
  Desk desk({budget(100)}, 2, 1);
  LeasePtr one = desk.produce(true), two = desk.produce(true);
  two.reset();
  CHECK(desk.ended.empty());
  one.reset();
  CHECK(desk.ended == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("an epoch can be held without its blocks", "[ledger]") {
  Desk desk({budget(1)}, 3, 0);
  LeasePtr metrics = epoch_only(desk.produce(true));
  CHECK(desk.ledger->source(0).alive == 0);
  CHECK(desk.credits.empty());
  metrics.reset();
  CHECK(desk.credits.size() == 1);
}

TEST_CASE("a combined lease keeps every part, and one lease twice is itself", "[ledger]") {
  Desk desk({budget(3)}, 1, 1);
  std::vector<LeasePtr> parts = {desk.produce(), desk.produce()};
  LeasePtr both = combine(parts);
  CHECK(both->epoch == parts[1]->epoch);
  CHECK(combine(std::vector<LeasePtr>{parts[0], parts[0]}) == parts[0]);
  parts.clear();
  CHECK(desk.ledger->source(0).alive == 3);  // these two, and the credit that waits
  both.reset();
  CHECK(desk.ledger->source(0).alive == 1);
}

TEST_CASE("a source that its budget of blocks alone keeps from going on gets a block more", "[ledger]") {
  Desk desk({budget(1)}, 1, 1);
  LeasePtr first = desk.produce();
  REQUIRE(desk.credits.empty());
  CHECK(desk.ledger->source(0).limit == CreditLedger::Limit::blocks);
  CHECK(desk.ledger->widen());
  CHECK(desk.credits.size() == 1);
  CHECK(desk.ledger->source(0).widened == 1);
  LeasePtr second = desk.produce();
  first.reset();
  CHECK(desk.credits.size() == 1);  // it stays wide
}

TEST_CASE("nobody is widened who is at work, has to wait for an epoch, or has reached its bytes", "[ledger]") {
  Desk working({budget(1)}, 1, 1);
  CHECK_FALSE(working.ledger->widen());
  Desk waiting({budget(9)}, 3, 0);
  LeasePtr end = waiting.produce(true);
  CHECK(waiting.ledger->source(0).limit == CreditLedger::Limit::epoch);
  CHECK_FALSE(waiting.ledger->widen());
  Desk full({{"src", 1, 150, 100}}, 1, 1);
  LeasePtr block = full.produce();
  CHECK(full.ledger->source(0).limit == CreditLedger::Limit::bytes);
  CHECK_FALSE(full.ledger->widen());
  CHECK(full.credits.empty());
}

TEST_CASE("a source that waits for another is not widened before that one", "[ledger]") {
  SourceBudget valid = budget(1);
  valid.waits_for = {1};
  Desk desk({valid, budget(1)}, 1, 1);
  const LeasePtr held = desk.produce(), train = desk.produce();
  CHECK(desk.ledger->widen());
  CHECK(desk.ledger->source(0).widened == 0);
  CHECK(desk.ledger->source(1).widened == 1);
}

TEST_CASE("a credit that cannot be started fails the run and keeps nothing", "[ledger]") {
  Desk desk({budget(4), budget(4)}, 1, 1);
  desk.refuses = true;
  LeasePtr block = desk.produce();
  CHECK(desk.failures == 1);
  block.reset();
  desk.credits.clear();
  desk.ledger->close();
  CHECK(desk.ledger->outstanding() == 0);
}

TEST_CASE("stop_after makes the epoch behind it the last", "[ledger]") {
  Desk desk({budget(100)}, 10, 1);
  LeasePtr one = desk.produce(true);
  desk.ledger->stop_after(1);
  CHECK(desk.ledger->last_epoch() == 2);
  desk.ledger->stop_after(5);
  CHECK(desk.ledger->last_epoch() == 2);
  LeasePtr two = desk.produce(true);
  one.reset();
  two.reset();
  CHECK(desk.credits.empty());
  CHECK(desk.ended == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("stop_after of an epoch that was left long ago is refused", "[ledger]") {
  Desk desk({budget(100)}, 10, 1);
  for (int i = 0; i < 3; ++i) desk.produce(true).reset();
  REQUIRE(desk.credits.size() == 1);  // of epoch 4
  CHECK_THROWS_AS(desk.ledger->stop_after(1), Error);
  CHECK(desk.ledger->last_epoch() == 10);
}

TEST_CASE("a run that is being stopped gets no credits and ends no epochs", "[ledger]") {
  Desk desk({budget(1)}, 2, 1);
  LeasePtr held = desk.produce(true);
  desk.stopping = true;
  held.reset();
  CHECK(desk.credits.empty());
  CHECK(desk.ended.empty());
  CHECK(desk.ledger->outstanding() == 0);
}

TEST_CASE("of a run that gives up an epoch those before it go on, and end", "[ledger]") {
  Desk desk({budget(1), budget(1)}, 9, 1);
  desk.produce(true).reset();  // source 0 is ahead, in epoch 2; source 1 has not made epoch 1
  REQUIRE(desk.credits.size() == 2);
  desk.given_up = 2;
  std::swap(desk.credits[0], desk.credits[1]);
  LeasePtr ahead = desk.produce(true);  // of epoch 2, which was given up meanwhile
  LeasePtr last = desk.produce(true);
  ahead.reset();
  CHECK(desk.ended.empty());
  CHECK(desk.ledger->ends_told() == 1);
  last.reset();
  CHECK(desk.ended == std::vector<std::uint32_t>{1});
  CHECK(desk.ledger->ends_told() == 2);
  CHECK(desk.credits.empty());
  CHECK_FALSE(desk.ledger->widen());
}

TEST_CASE("a closed ledger is inert but still counts what comes back", "[ledger]") {
  Desk desk({budget(1)}, 5, 1);
  LeasePtr held = desk.produce();
  desk.ledger->close();
  CHECK(desk.ledger->outstanding() == 2);
  held.reset();
  CHECK(desk.credits.empty());
  CHECK(desk.ended.empty());
  CHECK(desk.ledger->outstanding() == 0);
}

TEST_CASE("a lease may outlive everybody who knew the ledger", "[ledger]") {
  LeasePtr held;
  std::weak_ptr<CreditLedger> ledger;
  {
    Desk desk({budget(1)}, 1, 1);
    held = desk.produce(true);
    ledger = desk.ledger;
  }
  CHECK_FALSE(ledger.expired());
  held.reset();
  CHECK(ledger.expired());
}
