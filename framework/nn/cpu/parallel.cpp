// run_tasks: one oneTBB parallel region, isolated.
#include "parallel.hpp"

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

namespace millrace::cpu {

void run_tasks(std::size_t count, const std::function<void(std::size_t)>& task) {
  if (count == 1) return task(0);
  // Without isolation a thread that waits for the last shard may pick up a block of the loader, and the step waits for that.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        std::size_t{0}, count, [&](std::size_t i) { task(i); }, tbb::simple_partitioner());
  });
}

}  // namespace millrace::cpu
