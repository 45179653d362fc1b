// `fast` starts an asynchronous all-reduce for each bucket of gradients once backward has filled it; `ordered` does all of it at the end, by
// recursive doubling.
#include "gradient_reduction.hpp"

#include "nn/cpu/pass/gradient_tree.hpp"

#include <cstdint>

namespace millrace::cpu {
namespace {

/// The buckets of the flat buffer, in which the layers follow each other without gaps.
std::vector<nn::GradientBucket> buckets_of(const ModelSpec& model) {
  std::vector<std::int64_t> starts;
  std::int64_t at = 0;
  for (const LayerSpec& layer : model.layers) {
    starts.push_back(at);
    at += layer.parameters();
  }
  return nn::gradient_buckets(starts, at);
}

class FastReduction final : public GradientReduction {
 public:
  FastReduction(const TrainSpec& spec, std::span<float> gradient)
      : communicator_(*spec.communicator), gradient_(gradient), buckets_(buckets_of(*spec.model)) {}

  const std::vector<nn::GradientBucket>& buckets() const override { return buckets_; }
  void begin(const nn::GradientBucket& bucket) override {
    pending_.push_back(communicator_.begin_all_reduce_sum(gradient_.subspan(
        static_cast<std::size_t>(bucket.first), static_cast<std::size_t>(bucket.end - bucket.first))));
  }
  void finish() override {
    const std::vector<std::unique_ptr<PendingSum>> pending = std::move(pending_);
    pending_.clear();
    for (const auto& sum : pending) sum->wait();
  }

 private:
  Communicator& communicator_;
  std::span<float> gradient_;
  std::vector<nn::GradientBucket> buckets_;
  std::vector<std::unique_ptr<PendingSum>> pending_;
};

class OrderedReduction final : public GradientReduction {
 public:
  OrderedReduction(const TrainSpec& spec, std::span<float> gradient, std::span<float> theirs)
      : communicator_(*spec.communicator),
        gradient_(gradient),
        theirs_(theirs),
        buckets_{{0, static_cast<std::int64_t>(gradient.size()), 0, spec.model->layers.size()}} {}

  const std::vector<nn::GradientBucket>& buckets() const override { return buckets_; }
  void begin(const nn::GradientBucket& /*all*/) override {}
  void finish() override { sum_over_ranks(communicator_, gradient_, theirs_); }

 private:
  Communicator& communicator_;
  std::span<float> gradient_, theirs_;
  std::vector<nn::GradientBucket> buckets_;
};

}  // namespace

int ranks_of(const TrainSpec& spec) { return spec.communicator ? spec.communicator->size() : 1; }
int rank_of(const TrainSpec& spec) { return spec.communicator ? spec.communicator->rank() : 0; }

GradientReductionLayout::GradientReductionLayout(const TrainSpec& spec, ScratchLayout& scratch) {
  if (ranks_of(spec) > 1 && spec.reduction == Reduction::ordered)
    theirs = scratch.floats(spec.model->parameters() + static_cast<std::int64_t>(nn::kFlags));
}

std::unique_ptr<GradientReduction> make_gradient_reduction(const TrainSpec& spec, std::span<float> gradient,
                                                           const GradientReductionLayout& layout,
                                                           const Scratch& scratch) {
  if (ranks_of(spec) == 1) return nullptr;
  if (spec.reduction == Reduction::fast) return std::make_unique<FastReduction>(spec, gradient);
  return std::make_unique<OrderedReduction>(spec, gradient,
                                            std::span(scratch.at<float>(layout.theirs), gradient.size()));
}

void write_flags(const Communicator& communicator, bool is_finite, float* flags) {
  nn::set_rank_flags(nn::stop_bit(communicator.requested_stop()), is_finite, flags);
}

bool some_diverged(const float* flags) { return (nn::bits_of_flags(flags) >> nn::kDivergedBit & 1U) != 0; }

void agree_on_stop(Communicator& communicator, const float* flags) {
  if (const int signal = nn::stop_signal(nn::bits_of_flags(flags))) communicator.on_stop_agreed(signal);
}

}  // namespace millrace::cpu
