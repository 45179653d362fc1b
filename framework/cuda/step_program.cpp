#include "cuda/step_program.hpp"

#include "cuda/launch.hpp"

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
  void operator()(const MatmulPlan& plan) const { plan.enqueue(stream); }
  void operator()(const Op& op) const { std::visit(*this, op); }
  void operator()(const Matmul&) const {}  // the constructor turned each into a plan
  template <class T>
  void operator()(const T& op) const {
    launch(op, stream);
  }
};

}  // namespace

StepProgram::StepProgram(const Ops& ops, const Multiplier& multiplier) {
  for (const Op& op : ops) {
    if (const auto* product = std::get_if<Matmul>(&op))
      work_.emplace_back(planned(multiplier, *product));
    else
      work_.emplace_back(op);
  }
}

void StepProgram::enqueue(cudaStream_t stream) const {
  for (const auto& item : work_) std::visit(Enqueue{stream}, item);
}

void StepProgram::capture(cudaStream_t stream) {
  // Thread-local: another thread of the run may allocate meanwhile, which a global capture would forbid.
  MILLRACE_CUDA(cudaStreamBeginCapture, stream, cudaStreamCaptureModeThreadLocal);
  cudaGraph_t graph = nullptr;
  try {
    enqueue(stream);
  } catch (...) {
    ignore(cudaStreamEndCapture(stream, &graph));
    const GraphOwner partial(graph);
    throw;
  }
  MILLRACE_CUDA(cudaStreamEndCapture, stream, &graph);
  const GraphOwner owner(graph);
  cudaGraphExec_t exec = nullptr;
  MILLRACE_CUDA(cudaGraphInstantiate, &exec, graph, 0ULL);
  graph_ = GraphExecOwner(exec);
  MILLRACE_CUDA(cudaGraphUpload, exec, stream);
}

void StepProgram::replay(cudaStream_t stream) const { MILLRACE_CUDA(cudaGraphLaunch, graph_.get(), stream); }

}  // namespace millrace::cuda
