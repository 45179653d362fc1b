// Fibers, entered by setcontext and switched by longjmp, take a block's threads from barrier to barrier in random order; kernels without
// barriers run as plain loops.
#include "threads.hpp"

#include "emulated_gpu.hpp"
#include "runtime.hpp"

#undef _FORTIFY_SOURCE  // its longjmp takes a switch between stacks for a mistake
#include <setjmp.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

thread_local uint3 threadIdx, blockIdx;
thread_local dim3 blockDim, gridDim;

namespace emulated {
namespace {

constexpr std::size_t kStackBytes = 64 << 10;

/// A permutation of 0 .. count - 1.
std::vector<unsigned> order_of(unsigned count) {
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[draw(i)]);
  return order;
}

uint3 place_in(const dim3& extent, unsigned i) {
  if (extent.y * extent.z == 1) return {i, 0, 0};
  return {i % extent.x, i / extent.x % extent.y, i / extent.x / extent.y};
}
unsigned size_of(const dim3& extent) { return extent.x * extent.y * extent.z; }

/// The threads of one block, each with a stack of its own, so that it can stop at a barrier and go on.
class Block {
 public:
  static Block& get() {
    static thread_local Block block;
    return block;
  }

  /// Whether a thread stopped at a barrier.
  bool run(const std::function<void()>& thread) {
    const unsigned count = size_of(blockDim);
    thread_ = &thread;
    met_barrier_ = false;
    while (fibers_.size() < count) fibers_.push_back(std::make_unique<Fiber>());
    for (unsigned i = 0; i < count; ++i) start(i);
    for (unsigned left = count; left > 0;) {
      all_ = std::exchange(all_next_, 1);
      left = turn(count);
    }
    return met_barrier_;
  }

  int barrier(int predicate) {
    if (thread_ == nullptr) {
      std::fprintf(stderr, "emulated GPU: a barrier in a kernel whose first block had none\n");
      std::abort();
    }
    met_barrier_ = true;
    if (predicate == 0) all_next_ = 0;
    leave_to_home();
    return all_;
  }

  void end() { thread_ = nullptr; }

 private:
  /// A stack is entered once; from then on jumps do, which make no system calls.
  struct Fiber {
    ucontext_t entry;
    jmp_buf place;
    std::unique_ptr<char[]> stack;
    bool is_over = false, is_entered = false;
  };

  static void enter() {
    Block& block = get();
    for (;;) {
      (*block.thread_)();
      block.fibers_[block.current_]->is_over = true;
      block.leave_to_home();
    }
  }

  void leave_to_home() {
    if (_setjmp(fibers_[current_]->place) == 0) _longjmp(home_, 1);
  }

  void go_on(Fiber& fiber) {
    if (_setjmp(home_) != 0) return;
    if (std::exchange(fiber.is_entered, true)) _longjmp(fiber.place, 1);
    setcontext(&fiber.entry);
  }

  void start(unsigned i) {
    Fiber& fiber = *fibers_[i];
    fiber.is_over = false;
    if (fiber.stack) return;  // it waits in `enter` for its next thread
    fiber.stack = std::make_unique<char[]>(kStackBytes);
    getcontext(&fiber.entry);
    fiber.entry.uc_stack = {fiber.stack.get(), 0, kStackBytes};
    fiber.entry.uc_link = nullptr;
    makecontext(&fiber.entry, &Block::enter, 0);
  }

  /// Every thread goes on to its next barrier or its end. Returns how many have not ended.
  unsigned turn(unsigned count) {
    unsigned left = 0;
    for (const unsigned i : order_of(count)) {
      if (fibers_[i]->is_over) continue;
      current_ = i;
      threadIdx = place_in(blockDim, i);
      go_on(*fibers_[i]);
      if (!fibers_[i]->is_over) ++left;
    }
    return left;
  }

  const std::function<void()>* thread_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  jmp_buf home_;
  unsigned current_ = 0;
  bool met_barrier_ = false;
  int all_ = 1, all_next_ = 1;  ///< of the predicates at the barrier passed, and at the one being reached
};

// A kernel without barriers does not need the stacks; its first block shows which kind it is. By name: only on the GPU's thread.
void run_grid(const char* name, const dim3& grid, const dim3& block, const std::function<void()>& thread) {
  static std::map<std::string, bool>& known = *new std::map<std::string, bool>;
  gridDim = grid;
  blockDim = block;
  uint3& index = threadIdx;  // looked up once: there are many threads
  bool& has_barriers = known.try_emplace(name, true).first->second;
  for (const unsigned b : order_of(size_of(grid))) {
    blockIdx = place_in(grid, b);
    if (has_barriers) {
      has_barriers = Block::get().run(thread);
      Block::get().end();
      continue;
    }
    const unsigned count = size_of(block), first = static_cast<unsigned>(draw(count));
    for (unsigned t = 0; t < count; ++t) {
      index = place_in(block, (first + t) % count);
      thread();
    }
  }
}

bool is_possible(const dim3& grid, const dim3& block) {
  return size_of(grid) > 0 && grid.x <= 0x7FFFFFFFU && grid.y <= 65535 && grid.z <= 65535 && size_of(block) > 0 &&
         size_of(block) <= 1024 && block.z <= 64;
}

}  // namespace

cudaError_t launch(const char* name, dim3 grid, dim3 block, cudaStream_t stream, std::function<void()> thread) {
  if (const cudaError_t error = begin_call(name); error != cudaSuccess) return error;
  if (!is_possible(grid, block)) return fail(cudaErrorInvalidConfiguration);
  enqueue(stream_of(stream), [name, grid, block, thread = std::move(thread)] { run_grid(name, grid, block, thread); });
  return cudaSuccess;
}

}  // namespace emulated

void __syncthreads() { emulated::Block::get().barrier(1); }
int __syncthreads_and(int predicate) { return emulated::Block::get().barrier(predicate); }
