// A process that is alone: every sum over all ranks is already there.
#include <millrace/communicator.hpp>
#include <millrace/error.hpp>

namespace millrace {
namespace {

class Done final : public PendingSum {
 public:
  void wait() override {}
};

class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float>) override { return std::make_unique<Done>(); }
  void exchange(int peer, std::span<const float>, std::span<float>) override {
    throw Error(ErrorKind::run, "no-such-rank",
                "there is no rank " + std::to_string(peer) + " in a run of one process");
  }
  std::vector<std::byte> all_gather(std::span<const std::byte> mine) override { return {mine.begin(), mine.end()}; }
};

}  // namespace

std::unique_ptr<Communicator> make_self_communicator() { return std::make_unique<SelfCommunicator>(); }

}  // namespace millrace
