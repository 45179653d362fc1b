// A warm-up of the just-in-time compiler: products of zeros, of each kind and layer, after a trial allocation has shown that there is memory.
#include "kernels.hpp"

#include "gemm.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace millrace::cpu {
namespace {

// What oneDNN takes for all its kernels is less than a tenth of this.
constexpr std::size_t kSpareBytes = std::size_t{32} << 20;
// A tile has no more rows or columns; beyond this depth a product only repeats what it does.
constexpr std::int64_t kMostRows = 128, kMostDepth = 512;

void require_spare_memory() {
  void* volatile spare = std::malloc(kSpareBytes);  // else the compiler leaves out what is given back unused
  if (spare == nullptr)
    throw Error(ErrorKind::run, "out-of-memory", "there is no memory to compile the kernels of matrix products",
                "`pipeline-run plan` tells what each node takes; fewer rows, smaller blocks and batches need less");
  std::free(spare);
}

/// One of each kind for a layer: forward, the gradient of its inputs, the gradient of its weights.
void multiply_zeros(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, bool trains) {
  const std::vector<float> x(static_cast<std::size_t>(rows * inputs)), w(static_cast<std::size_t>(inputs * outputs)),
      y(static_cast<std::size_t>(rows * outputs));
  std::vector<float> out(std::max({x.size(), w.size(), y.size()}));
  multiply(rows, outputs, inputs, {x.data(), inputs}, {w.data(), outputs}, {out.data(), outputs});
  if (!trains) return;
  multiply_transposed_right(rows, inputs, outputs, {y.data(), outputs}, {w.data(), outputs}, {out.data(), inputs});
  multiply_transposed_left(inputs, outputs, rows, {x.data(), inputs}, {y.data(), outputs}, {out.data(), outputs});
}

}  // namespace

void compile_products(const ModelSpec& model, std::int64_t rows, bool trains) {
  require_spare_memory();
  for (const LayerSpec& layer : model.layers)
    if (layer.kind == LayerKind::dense)
      for (const std::int64_t m : {std::min(rows, kMostRows), std::int64_t{1}})
        multiply_zeros(m, std::min(layer.inputs, kMostDepth), std::min(layer.outputs, kMostRows), trains);
}

}  // namespace millrace::cpu
