// What a GPU's training step refuses: a build without NCCL stands for every machine that has none.
#include "cuda/step/rank_support.hpp"

#include "catch.hpp"
#include "comm/nccl/nccl_sum.hpp"
#include "error_of.hpp"

using namespace millrace;
using namespace millrace::cuda;
using Catch::Matchers::ContainsSubstring;

namespace {

class TwoRanks final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float>) override { return nullptr; }
  void exchange(int, std::span<const float>, std::span<float>) override {}
  std::vector<std::byte> all_gather(std::span<const std::byte>) override { return {}; }
};

}  // namespace

TEST_CASE("without NCCL a GPU trains alone, and refuses several ranks and `reduction: ordered` with a sentence") {
  TrainSpec spec;
  CHECK(why_no_rank_sums(spec).empty());
  const auto alone = make_self_communicator();
  spec.communicator = alone.get();
  CHECK(why_no_rank_sums(spec).empty());
  TwoRanks two;
  spec.communicator = &two;
  CHECK_THAT(why_no_rank_sums(spec), ContainsSubstring("this build has no NCCL"));
  spec.reduction = Reduction::ordered;
  CHECK_THAT(why_no_rank_sums(spec), ContainsSubstring("`reduction: ordered`"));
  const Error error = testing::error_of([&] { comm::NcclSum(two, std::chrono::seconds(1)); });
  CHECK(error.name() == "no-nccl");
  CHECK(error.exit_code() == 5);
}
