// Has cuBLASLt plan each product once, then enqueues everything on several streams with events between them; stream capture makes a graph of it.
#include "cuda/step/step_program.hpp"

#include "cuda/kernels/launch.hpp"

#include <millrace/model.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace::cuda {
namespace {

MatmulPlan planned(const Multiplier& multiplier, const Matmul& p) {
  if (auto plan = MatmulPlan::make(multiplier, p)) return std::move(*plan);
  throw Error(ErrorKind::run, "no-algorithm",
              fmt::format("cuBLASLt has no algorithm for a product of {} x {} x {} in {}", p.m, p.n, p.k,
                          to_string(p.precision)),
              "try `precision: float32`, or run on the CPU: --set device=cpu");
}

struct Enqueue {
  cudaStream_t stream;
  const ReduceOverRanks& reduce;
  void operator()(const MatmulPlan& plan) const { plan.enqueue(stream); }
  void operator()(const Op& op) const { std::visit(*this, op); }
  void operator()(const AllReduce& op) const { reduce(op, stream); }
  void operator()(const Matmul&) const {}  // the constructor turned each into a plan
  template <class T>
  void operator()(const T& op) const {
    launch(op, stream);
  }
};

}  // namespace

StepProgram::StepProgram(const Ops& ops, StepOrder order, const WorkStreams& streams, ReduceOverRanks reduce)
    : order_(std::move(order)), streams_(streams), reduce_(std::move(reduce)) {
  order_.places.resize(ops.size());
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const auto role = static_cast<std::size_t>(order_.places[i].stream);
    if (const auto* product = std::get_if<Matmul>(&ops[i]))
      work_.emplace_back(planned(*streams_[role].multiplier, *product));
    else
      work_.emplace_back(ops[i]);
    for (const std::size_t earlier : order_.places[i].after) events_.try_emplace(earlier);
  }
  for (const std::size_t last : order_.joins) events_.try_emplace(last);
  for (auto& [op, event] : events_) event = make_event_handle();
}

cudaStream_t StepProgram::stream_of(std::size_t op) const {
  return streams_[static_cast<std::size_t>(order_.places[op].stream)].stream;
}

void StepProgram::wait(cudaStream_t stream, std::size_t op) const {
  MILLRACE_CUDA(cudaStreamWaitEvent, stream, events_.at(op).get(), 0);
}

// While the chain's stream is captured, the waits draw the other streams into the capture, and the joins bring them back.
void StepProgram::enqueue() const {
  for (std::size_t i = 0; i < work_.size(); ++i) {
    for (const std::size_t earlier : order_.places[i].after) wait(stream_of(i), earlier);
    std::visit(Enqueue{stream_of(i), reduce_}, work_[i]);
    if (const auto event = events_.find(i); event != events_.end())
      MILLRACE_CUDA(cudaEventRecord, event->second.get(), stream_of(i));
  }
  for (const std::size_t last : order_.joins) wait(chain(), last);
}

void StepProgram::capture() {
  const GraphOwner graph = captured(chain(), [this] { enqueue(); });
  cudaGraphExec_t exec = nullptr;
  MILLRACE_CUDA(cudaGraphInstantiate, &exec, graph.get(), 0ULL);
  graph_ = GraphExecOwner(exec);
  MILLRACE_CUDA(cudaGraphUpload, exec, chain());
}

void StepProgram::replay() const { MILLRACE_CUDA(cudaGraphLaunch, graph_.get(), chain()); }

}  // namespace millrace::cuda
