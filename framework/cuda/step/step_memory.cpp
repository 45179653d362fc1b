// Batches in flight are held until an event says that they are done; progress is read from pinned memory under a sequence lock, while the
// GPU writes it.
#include "cuda/step/step_memory.hpp"

#include "cuda/kernels/launch.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>
#include <utility>

namespace millrace::cuda {
namespace {

// Enough to keep the GPU busy while the host is late once, little enough to bound what is alive.
constexpr std::size_t kMostInFlight = 32;

void require(bool holds, const char* name, const std::string& message) {
  if (!holds) throw Error(ErrorKind::run, name, message);
}

bool has_dropout(const ModelSpec& model) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [](const LayerSpec& layer) { return layer.kind == LayerKind::dropout; });
}

void require_width(const Tensor& tensor, std::int64_t width, const char* what) {
  const std::int64_t found = elements_of(tensor.spec().row_shape);
  require(found == width, "shape-mismatch",
          fmt::format("{} have {} values a row, the model has {}", what, found, width));
}

}  // namespace

StepMemory::StepMemory(Device& device, const StepDemand& demand, std::byte* workspace)
    : device_index_(device.id().index),
      liveness_(liveness_of(device)),
      gpu_memory_(&gpu_memory_of(device)),
      demand_(demand),
      layout_(demand_) {
  use_device(device_index_);
  memory_ = device.memory().allocate(layout_.bytes);
  staging_ = device.staging().allocate(static_cast<std::size_t>(layout_.padded_weights.size()) * sizeof(float));
  page_memory_ = device.staging().allocate(sizeof(ProgressPage));
  page_ = new (page_memory_.get()) ProgressPage;  // pinned memory has one address on both sides
  stream_ = make_stream_handle();
  clock_ = std::make_unique<StreamClock>(clock_of(device), stream());
  if (demand_.training) workspace = base() + layout_.workspace;
  multiplier_ = std::make_unique<Multiplier>(workspace, kWorkspaceBytes, liveness_);
  if (demand_.training) {
    side_stream_ = make_stream_handle();
    side_multiplier_ = std::make_unique<Multiplier>(base() + layout_.side_workspace, kWorkspaceBytes, liveness_);
    aside_stream_ = make_stream_handle();
  }
  clear();
}

// A launch that was refused between a fork and its join leaves work on a stream that the chain does not wait for.
StepMemory::~StepMemory() {
  try {
    for (const cudaStream_t beside : {side_stream_.get(), aside_stream_.get()})
      if (beside != nullptr) wait(record_event(device_index_, beside, liveness_));
    synchronize();
  } catch (const std::exception&) {  // the error has been met before, or the device was abandoned
  }
}

WorkStreams StepMemory::streams() const {
  return {WorkStream{stream(), multiplier_.get()}, WorkStream{side_stream_.get(), side_multiplier_.get()},
          WorkStream{aside_stream_.get(), nullptr}};
}

// An epilogue that the library runs as a kernel of its own costs more than ours: measured 13 us of a product of 4096 rows.
CanFuse StepMemory::can_fuse() const {
  return [this](const Matmul& product) {
    Matmul plain = product;
    plain.epilogue = Matmul::Epilogue::none;
    const auto with = MatmulPlan::make(*multiplier_, product), without = MatmulPlan::make(*multiplier_, plain);
    return with && without && launches_of(*with, stream()) == launches_of(*without, stream());
  };
}

void StepMemory::clear() { zero(0, layout_.bytes); }

void StepMemory::zero(std::size_t offset, std::size_t bytes) {
  MILLRACE_CUDA(cudaMemsetAsync, base() + offset, 0, bytes, stream());
}

void StepMemory::wait(const Event& event) const {
  const double from = clock_->now();
  if (watch_)
    while (!event.wait_for(std::chrono::milliseconds(10))) watch_();
  event.synchronize();
  clock_->waited(from);
}

void StepMemory::synchronize() const { wait(enqueued()); }

void StepMemory::set_weights(std::span<const float> flat) {
  upload(flat, layout_.weights);
  if (demand_.precision != Precision::bf16) return;
  const auto* f32 = reinterpret_cast<const float*>(base() + layout_.weights);
  launch(ToBf16{f32, reinterpret_cast<std::uint16_t*>(base() + layout_.weights16), layout_.padded_weights.size()},
         stream());
}

void StepMemory::upload(std::span<const float> flat, std::size_t buffer) {
  const auto floats = static_cast<std::size_t>(layout_.padded_weights.size());
  const std::span<float> padded(reinterpret_cast<float*>(staging_.get()), floats);
  synchronize();  // an earlier copy may still read the staging memory
  layout_.padded_weights.spread(flat, padded);
  copy_and_wait(base() + buffer, padded.data(), padded.size_bytes());
}

void StepMemory::read(void* to, std::size_t offset, std::size_t bytes) const {
  copy_and_wait(to, base() + offset, bytes);
}

void StepMemory::copy_and_wait(void* to, const void* from, std::size_t bytes) const {
  clock_->begin(WorkKind::copy);
  MILLRACE_CUDA(cudaMemcpyAsync, to, from, bytes, cudaMemcpyDefault, stream());
  clock_->end();
  synchronize();
}

std::vector<float> StepMemory::download(std::size_t buffer) const {
  const auto floats = static_cast<std::size_t>(layout_.padded_weights.size());
  const std::span<float> padded(reinterpret_cast<float*>(staging_.get()), floats);
  read(padded.data(), buffer, padded.size_bytes());
  std::vector<float> flat(static_cast<std::size_t>(demand_.model->parameters()));
  layout_.padded_weights.compact(padded, flat);
  return flat;
}

void StepMemory::check(const TrainBatch& batch) const {
  const std::int64_t rows = batch.inputs->rows();
  require(rows <= demand_.rows, "batch-too-large",
          fmt::format("a batch has {} rows, the step was made for {}", rows, demand_.rows));
  require_width(*batch.inputs, demand_.model->inputs, "inputs");
  for (const Tensor* tensor : {batch.targets, batch.weights})
    require(!tensor || tensor->rows() == rows, "shape-mismatch", "inputs, targets and weights differ in their rows");
  if (batch.targets) require_width(*batch.targets, demand_.model->outputs(), "targets");
  if (demand_.training)
    require(batch.sample_ids.size() == static_cast<std::size_t>(rows), "shape-mismatch",
            fmt::format("a batch of {} rows has {} sample ids", rows, batch.sample_ids.size()));
  require(!batch.weights || batch.weights->spec().stored_dtype() == DType::f32, "shape-mismatch",
          "weights of rows are taken as f32 on a GPU");
}

/// Where the step finds the tensor: null in its own memory, after a copy.
const std::byte* StepMemory::bring(const Tensor* tensor, std::size_t offset) {
  if (!tensor) return nullptr;
  if (gpu_memory_->holds(tensor->bytes())) return tensor->bytes();
  copy_in(offset, tensor->bytes(), tensor->size_bytes());
  return nullptr;
}

// The sample ids are the host's plain memory: CUDA takes them into its own before it returns.
void StepMemory::bring(const TrainBatch& batch, StepInput input) {
  liveness_->require();
  while (!in_flight_.empty() && in_flight_.front().over.done()) in_flight_.pop_front();
  const double asked = clock_->now();
  if (in_flight_.size() >= kMostInFlight) {
    wait(in_flight_.front().over);
    in_flight_.pop_front();
  }
  in_flight_.emplace_back();
  copies_.clear();
  for (const Tensor* tensor : {batch.inputs, batch.targets, batch.weights}) {
    if (!tensor) continue;
    in_flight_.back().tensors.push_back(*tensor);
    copies_.push_back(copied_at(tensor->ready()));
    wait_for_event(stream(), tensor->ready());  // the stream waits, the host does not
  }
  clock_->begin(WorkKind::compute, asked);
  const std::pair<const Tensor*, std::size_t> parts[kBatchParts] = {
      {batch.inputs, layout_.raw_inputs}, {batch.targets, layout_.raw_targets}, {batch.weights, layout_.row_weights}};
  for (std::size_t i = 0; i < kBatchParts; ++i) input.places[i] = bring(parts[i].first, parts[i].second);
  if (demand_.training && has_dropout(*demand_.model))
    copy_in(layout_.ids, batch.sample_ids.data(), batch.sample_ids.size_bytes());
  launch_input(reinterpret_cast<StepState*>(base() + layout_.state), input, stream());
  untaken_ = true;
}

void StepMemory::end_batch() {
  clock_->end(copies_);
  in_flight_.back().over = enqueued();
}

void StepMemory::copy_in(std::size_t offset, const void* from, std::size_t bytes) {
  if (bytes > 0) MILLRACE_CUDA(cudaMemcpyAsync, base() + offset, from, bytes, cudaMemcpyDefault, stream());
}

ProgressPage StepMemory::look() const {
  const volatile ProgressPage& page = *page_;
  ProgressPage seen;
  int tries = 0;  // a GPU that was lost in the middle of writing leaves the page odd for ever
  do {
    seen.writes = page.writes;
    std::atomic_thread_fence(std::memory_order_acquire);
    seen.step = page.step;
    seen.diverged_step = page.diverged_step;
    seen.sums.loss = page.sums.loss;
    seen.sums.penalty = page.sums.penalty;
    seen.sums.samples = page.sums.samples;
    nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
      using Metric = typename decltype(tag)::Type;
      Metric::in(seen.sums) = Metric::in(page.sums);
    });
    seen.waited = page.waited;
    for (std::size_t i = 0; i < ProgressPage::kRemembered; ++i) seen.flags[i] = page.flags[i];
    std::atomic_thread_fence(std::memory_order_acquire);
  } while (++tries < 1000 && (seen.writes % 2 != 0 || seen.writes != page.writes));
  return seen;
}

BatchSums StepMemory::take_sums() {
  synchronize();
  in_flight_.clear();
  const ProgressPage page = look();
  clock_->waited_for_peers(page.waited);
  page_->sums = {};
  page_->waited = 0;
  zero(layout_.state + offsetof(StepState, sums), offsetof(StepState, diverged_step) - offsetof(StepState, sums));
  untaken_ = false;
  return page.sums;
}

}  // namespace millrace::cuda
