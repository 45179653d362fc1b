// Phases: every task once, one phase after the other, each task on the thread of its affinity where it can be, errors come out.
#include "nn/cpu/kernels/parallel.hpp"

#include "catch.hpp"

#include <millrace/float_environment.hpp>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <cfenv>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace millrace::cpu;

namespace {

void in_arena(int threads, const std::function<void()>& work) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute(work);
}

/// Two tasks that wait for each other, so that two threads have one each.
class Pair {
 public:
  void arrive() {
    for (++here_; here_ < 2;) std::this_thread::yield();
  }

 private:
  std::atomic<int> here_{0};
};

/// As somebody's stage may do in a parallel region of its own: each thread rounds otherwise from now on.
void meddle_on_two_threads() {
  Pair pair;
  tbb::parallel_for(
      0, 2,
      [&](int) {
        std::fesetround(FE_UPWARD);
        pair.arrive();
      },
      tbb::simple_partitioner());
}

}  // namespace

TEST_CASE("every task of every phase runs once, and no phase begins before the last one has ended") {
  const int threads = GENERATE(1, 2, 5);
  constexpr std::size_t kTasks = 7, kPhases = 4;
  std::vector<std::atomic<int>> calls(kTasks * kPhases);
  std::atomic<int> early{0};
  std::vector<Phase> phases;
  for (std::size_t phase = 0; phase < kPhases; ++phase)
    phases.emplace_back(kTasks, [&, phase](std::size_t i, std::size_t) {
      for (std::size_t before = 0; before < phase * kTasks; ++before) early += calls[before] % 100 == 0 ? 1 : 0;
      ++calls[phase * kTasks + i];
    });
  in_arena(threads, [&] { run_phases(phases); });
  for (const auto& count : calls) CHECK(count == 1);
  CHECK(early == 0);
}

TEST_CASE("phases can be run again, also with another number of threads") {
  std::atomic<int> calls{0};
  std::vector<Phase> phases;
  phases.emplace_back(3, [&](std::size_t, std::size_t) { ++calls; });
  phases.emplace_back(std::vector<double>{0.9, 0.1}, [&](std::size_t, std::size_t) { ++calls; });
  for (const int threads : {2, 1, 4, 2}) in_arena(threads, [&] { run_phases(phases); });
  CHECK(calls == 20);
}

TEST_CASE("two tasks never have the same thread at once") {
  constexpr std::size_t kThreads = 4;
  std::vector<std::atomic<int>> inside(kThreads);
  std::atomic<int> clashes{0};
  std::vector<Phase> phases;
  phases.emplace_back(200, [&](std::size_t, std::size_t thread) {
    clashes += inside.at(thread)++ == 0 ? 0 : 1;
    --inside[thread];
  });
  in_arena(kThreads, [&] { run_phases(phases); });
  CHECK(clashes == 0);
}

TEST_CASE("a thread first does the tasks with an affinity to it, in their order") {
  std::vector<std::size_t> order;
  std::vector<Phase> phases;
  phases.emplace_back(std::vector<double>{0.6, 0.2, 0.7, 0.1}, [&](std::size_t i, std::size_t) { order.push_back(i); });
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  1);  // two threads in the arena, of which one comes
  tbb::task_arena arena(2);
  arena.execute([&] { run_phases(phases); });
  const std::vector<std::size_t> first_thread{1, 3, 0, 2}, second_thread{0, 2, 1, 3};
  CHECK((order == first_thread || order == second_thread));
}

TEST_CASE("what a task throws comes out, and no later phase begins") {
  const int threads = GENERATE(1, 3);
  std::atomic<int> later{0};
  std::vector<Phase> phases;
  phases.emplace_back(5, [](std::size_t i, std::size_t) {
    if (i == 2) throw std::runtime_error("planted");
  });
  phases.emplace_back(5, [&](std::size_t, std::size_t) { ++later; });
  in_arena(threads, [&] { CHECK_THROWS_WITH(run_phases(phases), "planted"); });
  CHECK(later == 0);
}

TEST_CASE("tasks are computed as the processor computes at first, whatever a thread did before") {
  std::atomic<int> meddled{0};
  const auto look = [&](Pair& pair) {
    meddled += std::fegetround() == FE_TONEAREST ? 0 : 1;
    pair.arrive();
  };
  in_arena(2, [&] {
    meddle_on_two_threads();
    millrace::restore_float_environment();  // the thread that had called the stage
    Pair pair;
    run_tasks(2, [&](std::size_t) { look(pair); });
    meddle_on_two_threads();
    millrace::restore_float_environment();
    Pair of_phase;
    std::vector<Phase> phases;
    phases.emplace_back(2, [&](std::size_t, std::size_t) { look(of_phase); });
    run_phases(phases);
  });
  CHECK(meddled == 0);
}
