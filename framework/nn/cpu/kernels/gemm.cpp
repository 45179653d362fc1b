// dnnl_sgemm on the calling thread alone.
//
// The library is built on OpenMP, and OpenMP's thread count is a property of each thread: limited in one place only, every
// oneTBB worker would start a team of its own and the machine would be oversubscribed. Nor does a limit last: libraries that
// stages use set it too. So it is set at each product, which costs a store to the thread's own memory, and put back behind it: the thread may be that
// of a program that only uses a model.
#include "gemm.hpp"

#include <millrace/error.hpp>

#include <dnnl.h>

#include <string>

extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads();

namespace millrace::cpu {
namespace {

/// One thread for the products of this thread while it lasts.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

void sgemm(char transpose_a, char transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b,
           MutableMatrix c) {
  const OneThread one_thread;
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a, transpose_b, m, n, k, 1.0F, a.data, a.stride, b.data, b.stride, 0.0F, c.data, c.stride);
  if (status == dnnl_success) return;
  throw Error(ErrorKind::run, "matrix-product-failed",
              "oneDNN refused a product of " + std::to_string(m) + " x " + std::to_string(k) + " x " +
                  std::to_string(n) + " with status " + std::to_string(static_cast<int>(status)));
}

}  // namespace

void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, MutableMatrix c) {
  sgemm('N', 'N', m, n, k, a, b, c);
}

void multiply_transposed_right(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, MutableMatrix c) {
  sgemm('N', 'T', m, n, k, a, b, c);
}

void multiply_transposed_left(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, MutableMatrix c) {
  sgemm('T', 'N', m, n, k, a, b, c);
}

}  // namespace millrace::cpu
