// The training step on a GPU: everything of a batch in one captured graph.
#include "cuda/step/train_step.hpp"

#include "comm/nccl/nccl_sum.hpp"
#include "cuda/step/rank_agreement.hpp"
#include "cuda/step/step_memory.hpp"
#include "cuda/step/step_program.hpp"
#include "nn/optimizer.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::cuda {
namespace {

// For ranks to find each other, and to part: neither takes seconds while all are alive.
constexpr std::chrono::seconds kPatience{60};

void refuse_divergence(const ProgressPage& page) {
  if (page.diverged_step == 0) return;
  throw Error(ErrorKind::diverged, "diverged",
              fmt::format("the loss or the gradient of step {} is not finite", page.diverged_step),
              "lower the learning rate, clip the gradient (clip_norm) or check the range of the inputs");
}

class CudaTrainStep final : public TrainStep {
 public:
  CudaTrainStep(Device& device, const TrainSpec& spec)
      : spec_(spec), optimizer_(spec.optimizer), demand_(demand_of(spec_)), memory_(device, demand_) {
    use_device(memory_.device_index());
    if (demand_.sums_ranks) open_ranks();
    plan();
    program_->enqueue();  // on zeros: loads every kernel before the capture
    memory_.clear();
    memory_.set_weights(initial_weights(*spec_.model, spec_.seed));
    set_initial_state();
    *memory_.page() = {};
    program_->capture();
  }
  CudaTrainStep(const CudaTrainStep&) = delete;
  CudaTrainStep& operator=(const CudaTrainStep&) = delete;
  ~CudaTrainStep() override {
    program_.reset();  // a graph that holds sums keeps NCCL from parting
    try {
      if (sums_ && is_settled_) sums_->finish();
    } catch (const std::exception&) {  // what the others hear is that this rank is gone
    }
    memory_.set_watch({});
    sums_.reset();  // before the memory waits for the GPU: sums that wait for others end now
  }

  BatchSums train(const TrainBatch& batch) override {
    use_device(memory_.device_index());
    check(batch);
    if (batch.inputs->rows() == 0 && batch.rows_over_ranks == 0) return {};
    if (sums_)
      read_rank_flags(RankAgreement::kLag - 1);
    else
      refuse_divergence(memory_.look());
    ++steps_;
    StepInput input{batch.inputs->rows(), steps_, batch.epoch, optimizer_.coefficients(steps_)};
    input.mean_rows = batch.rows_over_ranks;
    if (agreement_) input.requested_stops = agreement_->requested_stops();
    memory_.bring(batch, input);
    program_->replay();
    memory_.end_batch();
    if (sums_) unread_.push_back({steps_, memory_.enqueued()});
    return {};
  }

  BatchSums take_sums() override {
    if (!memory_.has_untaken()) return {};
    use_device(memory_.device_index());
    if (sums_) read_rank_flags(0, false);
    const BatchSums sums = memory_.take_sums();
    refuse_divergence(memory_.look());
    return sums;
  }

  Event enqueued() override { return memory_.enqueued(); }

  BatchSums sums_so_far() override { return memory_.look().sums; }

  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override {
    use_device(memory_.device_index());
    return std::make_shared<const ModelSnapshot>(spec_.model, spec_.loss, epoch,
                                                 memory_.download(memory_.layout().weights));
  }

  void scale_learning_rate(double factor) override { optimizer_.scale_learning_rate(factor); }

  void save(StageState& state) const override {
    use_device(memory_.device_index());
    const auto put = [&](std::string name, std::size_t buffer) {
      const std::vector<float> values = memory_.download(buffer);
      state.put(std::move(name), std::as_bytes(std::span(values)));
    };
    put("weights", memory_.layout().weights);
    for (std::size_t i = 0; i < memory_.layout().optimizer.size(); ++i)
      put("optimizer/" + std::to_string(i), memory_.layout().optimizer[i]);
    state.put("steps", std::as_bytes(std::span(&steps_, 1)));
  }

  void load(const StageState& state) override {
    use_device(memory_.device_index());
    const std::vector<float> weights = floats_of(state, "weights");
    std::vector<std::vector<float>> optimizer;
    for (std::size_t i = 0; i < memory_.layout().optimizer.size(); ++i)
      optimizer.push_back(floats_of(state, "optimizer/" + std::to_string(i)));
    const std::span<const std::byte> steps = bytes_of(state, "steps", sizeof steps_);
    std::memcpy(&steps_, steps.data(), steps.size());
    reset_divergence();
    memory_.set_weights(weights);
    for (std::size_t i = 0; i < optimizer.size(); ++i) memory_.upload(optimizer[i], memory_.layout().optimizer[i]);
  }

  std::size_t memory_bytes() const override { return memory_.layout().bytes; }

 private:
  struct UnreadFlags {
    std::uint64_t step;
    Event over;
  };

  void open_ranks() {
    sums_.emplace(*spec_.communicator, kPatience);
    agreement_.emplace(*spec_.communicator);
    memory_.set_watch([this] { sums_->check(); });
  }

  void plan() {
    const StepLayout& layout = memory_.layout();
    const BatchForm form{&spec_.inputs, &spec_.targets, spec_.weighted};
    const Ops ops = step_ops(demand_, layout, memory_.base(), form, memory_.can_fuse(), memory_.page());
    program_.emplace(ops, order_of(ops, gradient_of(layout, memory_.base())), memory_.streams(),
                     [this](const AllReduce& op, cudaStream_t stream) {
                       sums_->all_reduce_sum(op.values, static_cast<std::size_t>(op.count), stream);
                     });
  }

  void set_initial_state() {
    const std::vector<float> starts = optimizer_.initial_state();
    const auto parameters = static_cast<std::size_t>(spec_.model->parameters());
    for (std::size_t i = 0; i < starts.size(); ++i)
      if (starts[i] != 0) memory_.upload(std::vector<float>(parameters, starts[i]), memory_.layout().optimizer[i]);
  }

  // A step that is only known to be over by chance must not decide anything: see RankAgreement. At the end of an epoch nobody
  // stops here: that would cancel what the ranks still tell each other of it, and the trainer agrees on a stop after that.
  void read_rank_flags(std::size_t may_be_unread, bool may_stop = true) {
    is_settled_ = false;
    for (; unread_.size() > may_be_unread; unread_.pop_front()) {
      memory_.wait(unread_.front().over);
      const ProgressPage page = memory_.look();
      const std::uint32_t flags = page.flags[unread_.front().step % ProgressPage::kRemembered];
      if (may_stop ? agreement_->read_flags(flags) : RankAgreement::has_diverged(flags)) refuse_divergence(page);
    }
    is_settled_ = unread_.empty();
  }

  void check(const TrainBatch& batch) const {
    memory_.check(batch);
    const auto same = [](const TensorSpec& a, const TensorSpec& b) {
      return a.dtype == b.dtype && a.encoding == b.encoding;
    };
    if (same(batch.inputs->spec(), spec_.inputs) && same(batch.targets->spec(), spec_.targets) &&
        (batch.weights != nullptr) == spec_.weighted)
      return;
    throw Error(ErrorKind::run, "shape-mismatch",
                fmt::format("a batch of {} and {} came to a step made for {} and {}", batch.inputs->spec().describe(),
                            batch.targets->spec().describe(), spec_.inputs.describe(), spec_.targets.describe()));
  }

  /// A loaded state is a new start.
  void reset_divergence() {
    if (memory_.has_untaken()) memory_.take_sums();
    memory_.zero(memory_.layout().state, sizeof(StepState));
    *memory_.page() = {};
  }

  static std::span<const std::byte> bytes_of(const StageState& state, const std::string& name, std::size_t size) {
    const std::span<const std::byte> bytes = state.get(name);
    if (bytes.size() == size) return bytes;
    throw Error(ErrorKind::data, "state-mismatch",
                fmt::format("state `{}` has {} bytes, the model needs {}", name, bytes.size(), size),
                "load it into the model it was saved from");
  }

  std::vector<float> floats_of(const StageState& state, const std::string& name) const {
    std::vector<float> values(static_cast<std::size_t>(spec_.model->parameters()));
    const std::span<const std::byte> bytes = bytes_of(state, name, values.size() * sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  TrainSpec spec_;
  nn::Optimizer optimizer_;
  StepDemand demand_;
  std::optional<comm::NcclSum> sums_;  ///< empty in a process that is alone
  std::optional<RankAgreement> agreement_;
  StepMemory memory_;
  std::optional<StepProgram> program_;
  std::deque<UnreadFlags> unread_;  ///< steps whose words of other ranks have not been acted on
  bool is_settled_ = true;          ///< nothing of this rank is under way that another one waits for
  std::uint64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<TrainStep> make_cuda_train_step(Device& device, const TrainSpec& spec) {
  return std::make_unique<CudaTrainStep>(device, spec);
}

std::size_t cuda_train_step_bytes(const TrainSpec& spec) { return StepLayout(demand_of(spec)).bytes; }

}  // namespace millrace::cuda
