// A process that is alone: every sum over all ranks is already there.
#include <millrace/communicator.hpp>

namespace millrace {
namespace {

class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce_sum(std::span<float>) override {}
};

}  // namespace

Communicator::~Communicator() = default;

std::unique_ptr<Communicator> make_self_communicator() { return std::make_unique<SelfCommunicator>(); }

}  // namespace millrace
