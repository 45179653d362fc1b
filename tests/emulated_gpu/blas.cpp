// The functions of cuBLASLt that Millrace calls: products by plain loops, with the epilogues. EMULATED_GPU_EPILOGUES says which
// there are: `all` (the default), `none`, or `separate`, each as a kernel of its own behind the product, as a library may do it.
#include "runtime.hpp"

#include <cublasLt.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace emulated;

namespace {

struct Matrix {
  cudaDataType type;
  std::int64_t rows, columns, ld;
};

struct Product {
  cublasComputeType_t compute;
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  float* bias = nullptr;
};

const Matrix& matrix_of(cublasLtMatrixLayout_t layout) { return *reinterpret_cast<Matrix*>(layout); }
const Product& product_of(cublasLtMatmulDesc_t product) { return *reinterpret_cast<Product*>(product); }

/// tf32 keeps 10 bits of the fraction.
float rounded_to_tf32(float value) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000U) & 0xFFFFE000U);
}

/// op(matrix) as float32, [rows, columns] column-major without gaps.
std::vector<float> operand(const void* memory, const Matrix& m, cublasOperation_t op, cublasComputeType_t compute) {
  const std::int64_t rows = op == CUBLAS_OP_N ? m.rows : m.columns, columns = op == CUBLAS_OP_N ? m.columns : m.rows;
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (std::int64_t j = 0; j < columns; ++j)
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t at = op == CUBLAS_OP_N ? j * m.ld + i : i * m.ld + j;
      float value =
          m.type == CUDA_R_16BF
              ? std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(memory)[at]) << 16)
              : static_cast<const float*>(memory)[at];
      if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) value = rounded_to_tf32(value);
      values[static_cast<std::size_t>(j * rows + i)] = value;
    }
  return values;
}

/// Column j of D, after its epilogue.
void finish_column(const Product& p, float* d, std::int64_t rows) {
  if (p.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return;
  for (std::int64_t i = 0; i < rows; ++i) {
    d[i] += p.bias[i];
    if (p.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) d[i] = d[i] > 0 ? d[i] : 0;  // also of a NaN
  }
}

void multiply(const Product& p, const void* a_memory, const Matrix& a, const void* b_memory, const Matrix& b, float* d,
              const Matrix& to) {
  const std::vector<float> left = operand(a_memory, a, p.a, p.compute), right = operand(b_memory, b, p.b, p.compute);
  const std::int64_t m = to.rows, k = static_cast<std::int64_t>(left.size()) / m;
  for (std::int64_t j = 0; j < to.columns; ++j) {
    float* column = d + j * to.ld;
    std::fill_n(column, m, 0.0F);
    for (std::int64_t l = 0; l < k; ++l) {
      const float factor = right[static_cast<std::size_t>(j * k + l)];
      for (std::int64_t i = 0; i < m; ++i) column[i] += left[static_cast<std::size_t>(l * m + i)] * factor;
    }
    finish_column(p, column, m);
  }
}

std::string epilogues() {
  const char* text = std::getenv("EMULATED_GPU_EPILOGUES");
  return text == nullptr ? "all" : text;
}
bool has_epilogue(cublasLtEpilogue_t epilogue) {
  const std::string which = epilogues();
  return epilogue == CUBLASLT_EPILOGUE_DEFAULT || which != "none";
}

/// What cuBLASLt would refuse: sizes that do not go together, rows of bits that do not start at 16 bytes.
bool is_possible(const Product& p, const Matrix& a, const Matrix& b, const Matrix& d) {
  const auto extent = [](const Matrix& m, cublasOperation_t op, bool first) {
    return (op == CUBLAS_OP_N) == first ? m.rows : m.columns;
  };
  const bool fits = extent(a, p.a, true) == d.rows && extent(b, p.b, false) == d.columns &&
                    extent(a, p.a, false) == extent(b, p.b, true) && a.ld >= a.rows && b.ld >= b.rows && d.ld >= d.rows;
  const bool is_known = p.epilogue == CUBLASLT_EPILOGUE_DEFAULT || p.epilogue == CUBLASLT_EPILOGUE_BIAS ||
                        p.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
  return fits && is_known && (p.epilogue == CUBLASLT_EPILOGUE_DEFAULT || p.bias != nullptr);
}

}  // namespace

#define BLAS_CALL extern "C" EMULATED_EXPORT cublasStatus_t

BLAS_CALL cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
extern "C" EMULATED_EXPORT const char* cublasLtGetStatusString(cublasStatus_t) {
  return "an error of the emulated GPU";
}

BLAS_CALL cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                     std::uint64_t columns, std::int64_t ld) {
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      new Matrix{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), ld});
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete reinterpret_cast<Matrix*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute, cudaDataType) {
  auto* made = new Product;
  made->compute = compute;
  *product = reinterpret_cast<cublasLtMatmulDesc_t>(made);
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  delete reinterpret_cast<Product*>(product);
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute,
                                         const void* value, std::size_t bytes) {
  auto& p = *reinterpret_cast<Product*>(product);
  const auto set = [&](auto& to) {
    if (bytes != sizeof to) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&to, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
  };
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(p.a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(p.b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(p.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(p.bias);
    default:
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}
BLAS_CALL cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete reinterpret_cast<int*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
BLAS_CALL cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                                               const void*, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}

BLAS_CALL cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                                         cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                         cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t* results,
                                         int* found) {
  const Product& p = product_of(product);
  *found = 0;
  if (!is_possible(p, matrix_of(a), matrix_of(b), matrix_of(d))) return CUBLAS_STATUS_INVALID_VALUE;
  if (!has_epilogue(p.epilogue)) return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {};
  results[0].state = CUBLAS_STATUS_SUCCESS;
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

BLAS_CALL cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void*, const void* a,
                         cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout, const void*,
                         const void*, cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                         const cublasLtMatmulAlgo_t*, void*, std::size_t, cudaStream_t stream) {
  if (begin_call("cublasLtMatmul") != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  enqueue(stream_of(stream),
          [p = product_of(product), a, am = matrix_of(a_layout), b, bm = matrix_of(b_layout),
           to = static_cast<float*>(d), dm = matrix_of(d_layout)] { multiply(p, a, am, b, bm, to, dm); });
  if (product_of(product).epilogue != CUBLASLT_EPILOGUE_DEFAULT && epilogues() == "separate")
    enqueue(stream_of(stream), [] {});  // the kernel that it would be
  return CUBLAS_STATUS_SUCCESS;
}
