#include "cuda/step/rank_sums.hpp"

#include <millrace/error.hpp>

#ifdef MILLRACE_HAS_NCCL
#include "comm/nccl/nccl_library.hpp"
#include "comm/nccl/nccl_sum.hpp"
#endif

namespace millrace::cuda {
namespace {

#ifdef MILLRACE_HAS_NCCL

// To find each other, and to part: neither takes seconds while all ranks are alive.
constexpr std::chrono::seconds kPatience{60};

class NcclSums final : public RankSums {
 public:
  explicit NcclSums(Communicator& communicator) : sum_(communicator, kPatience) {}
  void reduce(const AllReduce& op, cudaStream_t stream) override {
    sum_.all_reduce_sum(op.values, static_cast<std::size_t>(op.count), stream);
  }
  void check() override { sum_.check(); }
  void finish() override { sum_.finish(); }

 private:
  comm::NcclSum sum_;
};

std::string why_no_nccl() {
  try {
    comm::nccl_library();
    return {};
  } catch (const Error& error) {
    return error.message();
  }
}

std::unique_ptr<RankSums> open_nccl(Communicator& communicator) { return std::make_unique<NcclSums>(communicator); }

#else

std::string why_no_nccl() { return "GPUs of several processes cannot sum gradients: this build has no NCCL"; }

std::unique_ptr<RankSums> open_nccl(Communicator&) {
  throw Error(ErrorKind::device, "no-nccl", why_no_nccl(),
              "build where nccl.h is, or train on the CPU: --set device=cpu");
}

#endif

}  // namespace

std::string why_no_rank_sums(const TrainSpec& spec) {
  if (spec.reduction == Reduction::ordered) return "GPUs sum in NCCL's order, not in that of `reduction: ordered`";
  return spec.communicator != nullptr && spec.communicator->size() > 1 ? why_no_nccl() : "";
}

std::unique_ptr<RankSums> make_rank_sums(Communicator& communicator) { return open_nccl(communicator); }

}  // namespace millrace::cuda
