// Row-major tensors need no transposition: a row-major matrix is a column-major one with its extents swapped, and BLAS takes
// the operands in the other order.
#include "cuda/kernels/matmul.hpp"

#include "cuda/runtime/checks.hpp"
#include "cuda/runtime/handles.hpp"

#include <utility>

namespace millrace::cuda {
namespace {

cublasComputeType_t compute_type(Precision precision) {
  return precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

cudaDataType operand_type(Precision precision) { return precision == Precision::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

cublasLtEpilogue_t epilogue_of(Matmul::Epilogue epilogue) {
  switch (epilogue) {
    case Matmul::Epilogue::none:
      return CUBLASLT_EPILOGUE_DEFAULT;
    case Matmul::Epilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case Matmul::Epilogue::relu_bias:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

/// Owns a matrix layout.
class Layout {
 public:
  Layout(cudaDataType type, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
    MILLRACE_CUDA(cublasLtMatrixLayoutCreate, &layout_, type, static_cast<std::uint64_t>(rows),
                  static_cast<std::uint64_t>(columns), ld);
  }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  ~Layout() { cublasLtMatrixLayoutDestroy(layout_); }
  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

/// Owns the description of a product.
class Description {
 public:
  explicit Description(const Matmul& p) {
    MILLRACE_CUDA(cublasLtMatmulDescCreate, &description_, compute_type(p.precision), CUDA_R_32F);
    set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p.epilogue));
    if (p.epilogue != Matmul::Epilogue::none) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;
  ~Description() { cublasLtMatmulDescDestroy(description_); }
  cublasLtMatmulDesc_t get() const { return description_; }

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    MILLRACE_CUDA(cublasLtMatmulDescSetAttribute, description_, attribute, &value, sizeof value);
  }
  cublasLtMatmulDesc_t description_ = nullptr;
};

/// Owns the limits of a search for algorithms.
class Preference {
 public:
  explicit Preference(std::size_t workspace_bytes) {
    MILLRACE_CUDA(cublasLtMatmulPreferenceCreate, &preference_);
    MILLRACE_CUDA(cublasLtMatmulPreferenceSetAttribute, preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                  &workspace_bytes, sizeof workspace_bytes);
  }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  ~Preference() { cublasLtMatmulPreferenceDestroy(preference_); }
  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

Multiplier::Multiplier(void* workspace, std::size_t bytes, SharedLiveness liveness)
    : workspace_(workspace), bytes_(bytes), liveness_(std::move(liveness)) {
  MILLRACE_CUDA(cublasLtCreate, &handle_);
}
// Destroying the handle may wait for the device.
Multiplier::~Multiplier() {
  if (!liveness_->is_abandoned()) cublasLtDestroy(handle_);
}

struct MatmulPlan::State {
  State(const Multiplier& m, const Matmul& p)
      : multiplier(m),
        product(p),
        description(p),
        a(operand_type(p.precision), p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.lda),
        b(operand_type(p.precision), p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.ldb),
        d(CUDA_R_32F, p.m, p.n, p.ldd) {}

  bool find_algorithm() {
    const Preference preference(multiplier.workspace_bytes());
    cublasLtMatmulHeuristicResult_t result = {};
    int found = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(multiplier.handle(), description.get(), a.get(), b.get(), d.get(), d.get(),
                                       preference.get(), 1, &result, &found);
    // The library's answer to a combination that it does not have is an error or a count of 0.
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return false;
    check(status, "cublasLtMatmulAlgoGetHeuristic");
    algorithm = result.algo;
    return found > 0 && result.state == CUBLAS_STATUS_SUCCESS;
  }

  const Multiplier& multiplier;
  Matmul product;
  Description description;
  Layout a, b, d;
  cublasLtMatmulAlgo_t algorithm = {};
};

std::optional<MatmulPlan> MatmulPlan::make(const Multiplier& multiplier, const Matmul& product) {
  auto state = std::make_unique<State>(multiplier, product);
  if (!state->find_algorithm()) return std::nullopt;
  return MatmulPlan(std::move(state));
}

MatmulPlan::MatmulPlan(std::unique_ptr<State> state) : state_(std::move(state)) {}
MatmulPlan::MatmulPlan(MatmulPlan&&) noexcept = default;
MatmulPlan& MatmulPlan::operator=(MatmulPlan&&) noexcept = default;
MatmulPlan::~MatmulPlan() = default;

void MatmulPlan::enqueue(cudaStream_t stream) const {
  const State& s = *state_;
  const float one = 1, zero = 0;
  MILLRACE_CUDA(cublasLtMatmul, s.multiplier.handle(), s.description.get(), &one, s.product.a, s.a.get(), s.product.b,
                s.b.get(), &zero, s.product.d, s.d.get(), s.product.d, s.d.get(), &s.algorithm,
                s.multiplier.workspace(), s.multiplier.workspace_bytes(), stream);
}

// What a capture records can be counted.
std::size_t launches_of(const MatmulPlan& plan, cudaStream_t stream) {
  plan.enqueue(stream);
  const GraphOwner graph = captured(stream, [&] { plan.enqueue(stream); });
  std::size_t nodes = 0;
  MILLRACE_CUDA(cudaGraphGetNodes, graph.get(), static_cast<cudaGraphNode_t*>(nullptr), &nodes);
  return nodes;
}

}  // namespace millrace::cuda
