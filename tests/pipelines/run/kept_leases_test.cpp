// What a Serial keeps taken, without a graph: the sums that the budgets count on.
#include "backpressure/kept_leases.hpp"
#include "catch.hpp"

#include <algorithm>
#include <memory>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

/// A block whose credit shows whether anything keeps it.
struct Block {
  std::shared_ptr<int> credit = std::make_shared<int>(0);
  std::shared_ptr<int> epoch = std::make_shared<int>(0);

  Packet packet() const {
    auto lease = std::make_shared<PacketLease>();
    lease->epoch = epoch;
    lease->credits = {credit};
    Packet packet;
    packet.lease = std::move(lease);
    return packet;
  }
  bool is_kept() const { return credit.use_count() > 1; }
  bool is_epoch_kept() const { return epoch.use_count() > 1; }
};

const std::vector<PortKind> kData = {PortKind::data};

/// A call with the one packet `input`, which emits `packets` packets and drops them.
void call(KeptLeases& kept, const Packet& input, int packets, bool last = false) {
  kept.gather(0, {&input, 1});
  for (int i = 0; i < packets; ++i) kept.emitted(0, input).reset();
  kept.release(last);
}

}  // namespace

TEST_CASE("what comes before an emission is kept until the call that emits has ended", "[kept]") {
  KeptLeases kept(kData, true);
  const Block first, second;
  call(kept, first.packet(), 0);
  CHECK(first.is_kept());
  LeasePtr lease;
  {
    const Packet input = second.packet();
    kept.gather(0, {&input, 1});
    lease = kept.emitted(0, input);
    CHECK(lease->epoch == second.epoch);
    kept.release(false);
  }
  CHECK(first.is_kept());  // the packet keeps both
  CHECK(second.is_kept());
  lease.reset();
  CHECK_FALSE(first.is_kept());
  CHECK_FALSE(second.is_kept());
}

TEST_CASE("rows that stay behind an emission keep nothing taken", "[kept]") {
  KeptLeases kept(kData, true);
  const Block block;
  call(kept, block.packet(), 2);
  CHECK_FALSE(block.is_kept());
}

TEST_CASE("a batch of several blocks keeps them all, and no more than one beyond what a batch needs", "[kept]") {
  constexpr std::size_t kBlocksOfABatch = 4;
  KeptLeases kept(kData, true);
  std::vector<Block> blocks(3 * kBlocksOfABatch);
  std::size_t most = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    call(kept, blocks[i].packet(), (i + 1) % kBlocksOfABatch == 0 ? 1 : 0);
    std::size_t alive = 0;
    for (const Block& block : blocks) alive += block.is_kept() ? 1 : 0;
    most = std::max(most, alive);
  }
  CHECK(most == kBlocksOfABatch - 1);  // and one in hand
}

TEST_CASE("the end of an epoch gives back what no packet was made from", "[kept]") {
  KeptLeases kept(kData, true);
  const Block block;
  call(kept, block.packet(), 0, true);
  CHECK_FALSE(block.is_kept());
}

TEST_CASE("a stage that accumulates nothing keeps nothing from one call to the next", "[kept]") {
  KeptLeases kept(kData, false);
  const Block block;
  call(kept, block.packet(), 0);
  CHECK_FALSE(block.is_kept());
}

TEST_CASE("metrics and models keep the epoch and no blocks", "[kept]") {
  for (const PortKind kind : {PortKind::metrics, PortKind::model}) {
    KeptLeases kept({kind}, true);
    const Block block;
    LeasePtr lease;
    {
      const Packet input = block.packet();
      kept.gather(0, {&input, 1});
      lease = kept.emitted(0, input);
    }
    CHECK_FALSE(block.is_kept());
    CHECK(block.is_epoch_kept());
    lease.reset();
    CHECK_FALSE(block.is_epoch_kept());
  }
}

TEST_CASE("each output keeps and gives back for itself", "[kept]") {
  KeptLeases kept({PortKind::data, PortKind::data}, true);
  const Block block;
  {
    const Packet input = block.packet();
    for (const std::size_t output : {0, 1}) kept.gather(output, {&input, 1});
    kept.emitted(0, input).reset();
    kept.release(false);
  }
  CHECK(block.is_kept());  // for the output that has not emitted
  {
    const Packet input = Block().packet();
    kept.gather(1, {&input, 1});
    kept.emitted(1, input).reset();
    kept.release(false);
  }
  CHECK_FALSE(block.is_kept());
}

TEST_CASE("inputs of one block are one lease, and a packet without one adds none", "[kept]") {
  KeptLeases kept(kData, true);
  const Block block;
  const Packet input = block.packet();
  const std::vector<Packet> joined = {input, input, Packet()};
  kept.gather(0, joined);
  CHECK(kept.emitted(0, input) == input.lease);
  KeptLeases nothing(kData, true);
  CHECK(nothing.emitted(0, input) == nullptr);
}
