// The training and evaluation steps of the simulated device: those of the CPU, as work of a stream. So their bits are the CPU's.
#include "sim_device.hpp"

#include "device/device_kinds.hpp"
#include "nn/step_factories.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <mutex>
#include <utility>

namespace millrace::sim {
namespace {

// The same bytes without a share in them: the shadow must notice when the caller lets them go too soon.
Tensor borrowed(const Tensor* tensor) {
  if (tensor == nullptr) return {};
  const std::shared_ptr<const std::byte> bytes(tensor->bytes(), [](const std::byte*) {});
  return {tensor->spec(), tensor->rows(), bytes, nullptr};
}

/// A batch that a stream works on later.
struct LateBatch {
  Tensor inputs, targets, weights;
  std::uint32_t epoch = 0;
  std::vector<std::uint64_t> ids;
  std::int64_t rows_over_ranks = 0;
  bool last_in_epoch = false;
  std::vector<std::int64_t> part_rows;

  explicit LateBatch(const TrainBatch& batch)
      : inputs(borrowed(batch.inputs)),
        targets(borrowed(batch.targets)),
        weights(borrowed(batch.weights)),
        epoch(batch.epoch),
        ids(batch.sample_ids.begin(), batch.sample_ids.end()),
        rows_over_ranks(batch.rows_over_ranks),
        last_in_epoch(batch.last_in_epoch),
        part_rows(batch.part_rows) {}
  TrainBatch view() const {
    return {&inputs, &targets, weights ? &weights : nullptr, epoch, ids, rows_over_ranks, last_in_epoch, part_rows};
  }
};

/// What both steps do: wait for the copies of a batch, enqueue the work, keep sums and the first error.
class LateWork {
 public:
  explicit LateWork(SimDevice& device) : device_(device), stream_(device.world()) {}

  template <class Body>
  void enqueue(const TrainBatch& batch, Body body) {
    rethrow();
    World& world = stream_.world();
    const double asked = world.now();
    std::vector<ByteRange> reads;
    for (const Tensor* tensor : {batch.inputs, batch.targets, batch.weights}) {
      if (tensor == nullptr) continue;
      reads.push_back({tensor->bytes(), tensor->size_bytes()});
      if (device_.owns(tensor->bytes())) stream_.wait(tensor->ready());
    }
    stream_.launch_delay();
    const auto rows = static_cast<double>(batch.inputs->rows());
    stream_.compute(reads, {}, asked, rows * stream_.seconds_per_row(),
                    [this, body, late = LateBatch(batch)] { guarded([&] { return body(late.view()); }); });
    last_ = stream_.record();
  }
  BatchSums take() {
    stream_.synchronize();
    rethrow();
    const std::lock_guard lock(mutex_);
    return std::exchange(sums_, {});
  }
  BatchSums so_far() const {
    const std::lock_guard lock(mutex_);
    return sums_;
  }
  void synchronize() { stream_.synchronize(); }
  Event last() const { return last_; }

 private:
  void rethrow() const {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }
  template <class Body>
  void guarded(Body body) {
    if (const std::lock_guard lock(mutex_); error_) return;
    try {
      const BatchSums sums = body();
      const std::lock_guard lock(mutex_);
      sums_.add(sums);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
  }

  SimDevice& device_;
  mutable std::mutex mutex_;
  BatchSums sums_;
  std::exception_ptr error_;
  Event last_;
  SimStream stream_;  // last: its work uses the rest
};

class SimTrainStep final : public TrainStep {
 public:
  SimTrainStep(SimDevice& device, const TrainSpec& spec)
      : host_(open_device({"cpu", 0})), step_(make_train_step(*host_, spec)), work_(device) {}

  BatchSums train(const TrainBatch& batch) override {
    work_.enqueue(batch, [this](const TrainBatch& late) { return step_->train(late); });
    return {};
  }
  BatchSums take_sums() override { return work_.take(); }
  BatchSums sums_so_far() override { return work_.so_far(); }
  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const override {
    work_.synchronize();
    return step_->snapshot(epoch);
  }
  void save(StageState& state) const override {
    work_.synchronize();
    step_->save(state);
  }
  void load(const StageState& state) override { step_->load(state); }
  void scale_learning_rate(double factor) override {
    work_.synchronize();
    step_->scale_learning_rate(factor);
  }
  std::size_t memory_bytes() const override { return step_->memory_bytes(); }
  Event enqueued() override { return work_.last(); }

 private:
  std::unique_ptr<Device> host_;
  std::unique_ptr<TrainStep> step_;
  mutable LateWork work_;
};

class SimEvaluationStep final : public EvaluationStep {
 public:
  SimEvaluationStep(SimDevice& device, const nn::EvaluationSpec& spec)
      : host_(open_device({"cpu", 0})),
        step_(make_evaluation_step(*host_, spec.model, spec.loss, spec.inputs, spec.targets, spec.max_batch_rows)),
        work_(device) {}

  BatchSums evaluate(const ModelSnapshot& snapshot, const TrainBatch& batch) override {
    const auto model = std::make_shared<const ModelSnapshot>(snapshot);
    work_.enqueue(batch, [this, model](const TrainBatch& late) { return step_->evaluate(*model, late); });
    return {};
  }
  BatchSums take_sums() override { return work_.take(); }
  void predict(const ModelSnapshot& snapshot, const Tensor& inputs, std::span<float> outputs) override {
    work_.synchronize();
    inputs.ready().synchronize();
    step_->predict(snapshot, inputs, outputs);
  }
  Event enqueued() override { return work_.last(); }

 private:
  std::unique_ptr<Device> host_;
  std::unique_ptr<EvaluationStep> step_;
  LateWork work_;
};

SimDevice& sim_of(Device& device) { return dynamic_cast<SimDevice&>(device); }

}  // namespace

void register_sim(std::shared_ptr<World> world, bool reduces) {
  register_device_kind("sim",
                       [world = std::move(world)](const DeviceId&) { return std::make_unique<SimDevice>(world); });
  nn::StepFactory factory;
  factory.make_train = [](Device& device, const TrainSpec& spec) -> std::unique_ptr<TrainStep> {
    return std::make_unique<SimTrainStep>(sim_of(device), spec);
  };
  factory.make_evaluation = [](Device& device, const nn::EvaluationSpec& spec) -> std::unique_ptr<EvaluationStep> {
    return std::make_unique<SimEvaluationStep>(sim_of(device), spec);
  };
  factory.train_bytes = [](const TrainSpec& spec) { return train_step_bytes(spec); };
  factory.evaluation_bytes = [](const ModelSpec& model, std::int64_t rows, Precision) {
    return evaluation_step_bytes(model, rows);
  };
  if (reduces) factory.why_no_reduction = [](const TrainSpec&) { return std::string(); };
  nn::register_step_factory("sim", factory);
}

}  // namespace millrace::sim
