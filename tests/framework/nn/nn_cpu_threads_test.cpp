// Products run on the thread that asks: no OpenMP team stands beside oneTBB's threads. A program of its own, with
// OMP_NUM_THREADS set to more than one, because threads of other tests would blur the count.
#include "nn_fixtures.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads();

using namespace millrace;
using namespace millrace::nn_test;

namespace {

std::ptrdiff_t process_threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task"), end;
  return std::distance(tasks, end);
}

}  // namespace

TEST_CASE("training starts no thread beside those of the arena") {
  const char* team = std::getenv("OMP_NUM_THREADS");
  if (!team || std::atoi(team) < 2) SKIP("OMP_NUM_THREADS is not set to 2 or more, so no team could be seen");
  std::thread([] {}).join();  // with the first one a thread sanitizer starts one of its own
  const std::ptrdiff_t before = process_threads();
  const Batch batch = random_batch(512, 300, 10);
  const TrainSpec spec = spec_of(model_of(300, {dense(300, "relu"), dense(10, "softmax")}),
                                 Loss::categorical_crossentropy, one("rmsprop"), batch);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 2);
  const auto step = make_train_step(cpu(), spec);
  tbb::task_arena(2).execute([&] {
    for (int i = 0; i < 20; ++i) step->train(batch.view());
  });
  CHECK(process_threads() <= before + 1);
}

TEST_CASE("nor does it when somebody else's code sets OpenMP's limit on the same thread") {
  const Batch batch = random_batch(512, 300, 10);
  const TrainSpec spec = spec_of(model_of(300, {dense(300, "relu"), dense(10, "softmax")}),
                                 Loss::categorical_crossentropy, one("rmsprop"), batch);
  const auto step = make_train_step(cpu(), spec);
  tbb::task_arena(1).execute([&] {
    step->train(batch.view());
    const std::ptrdiff_t before = process_threads();
    for (int i = 0; i < 5; ++i) {
      omp_set_num_threads(4);
      step->train(batch.view());
    }
    CHECK(process_threads() <= before);
  });
}

TEST_CASE(
    "and the thread has the limit of its own behind a product, for it may be a program's that only uses a model") {
  const Batch batch = random_batch(8, 30, 10);
  const TrainSpec spec = spec_of(model_of(30, {dense(30, "relu"), dense(10, "softmax")}),
                                 Loss::categorical_crossentropy, one("rmsprop"), batch);
  const auto step = make_train_step(cpu(), spec);
  tbb::task_arena(1).execute([&] {
    omp_set_num_threads(3);
    step->train(batch.view());
    CHECK(omp_get_max_threads() == 3);
  });
}
