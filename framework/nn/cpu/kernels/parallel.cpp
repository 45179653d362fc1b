// run_tasks: one oneTBB parallel region, isolated. run_phases: several, that keep their threads, with thread affinity and a
// spin-then-yield barrier after each phase.
//
// Why not a parallel_for for each phase: a phase of a small batch takes 20 to 100 microseconds, and waking a thread that has
// gone to sleep between two of them takes as long. Why not oneTBB's affinity_partitioner: each region would remember for
// itself, and the half of the weights that a thread reads going forward would not be the half that it updates.
#include "parallel.hpp"

#include <millrace/float_environment.hpp>

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

namespace millrace::cpu {
namespace {

// Without isolation a thread that waits for the last task may pick up a block of the loader, and the step waits for that.
// A thread that comes here may have been in a region of a stage's own, which changed how it computes: oneTBB puts that back only
// where it knows of it.
void run_isolated(std::size_t count, const std::function<void(std::size_t)>& task) {
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        std::size_t{0}, count,
        [&](std::size_t i) {
          restore_float_environment();
          task(i);
        },
        tbb::simple_partitioner());
  });
}

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void run_tasks(std::size_t count, const std::function<void(std::size_t)>& task) {
  if (count == 1) return task(0);
  run_isolated(count, task);
}

std::size_t max_threads() { return static_cast<std::size_t>(tbb::this_task_arena::max_concurrency()); }

struct Phase::State {
  /// The tasks that prefer one thread. A cache line each: threads count in them at the same time.
  struct alignas(64) ThreadQueue {
    std::vector<std::size_t> tasks;
    std::atomic<std::size_t> next{0};
  };

  struct alignas(64) Left {
    std::atomic<std::size_t> tasks{0};
  };

  State(std::vector<double> of_tasks, Task to_run) : affinities(std::move(of_tasks)), task(std::move(to_run)) {}

  void begin(std::size_t threads) {
    if (queues.size() != threads) assign(threads);
    for (ThreadQueue& queue : queues) queue.next.store(0, std::memory_order_relaxed);
    left.tasks.store(affinities.size(), std::memory_order_relaxed);
  }

  void assign(std::size_t threads) {
    queues = std::vector<ThreadQueue>(threads);
    for (std::size_t i = 0; i < affinities.size(); ++i) {
      const auto thread = static_cast<std::size_t>(affinities[i] * static_cast<double>(threads));
      queues[std::min(threads - 1, thread)].tasks.push_back(i);
    }
  }

  std::vector<double> affinities;
  Task task;
  std::vector<ThreadQueue> queues;
  Left left;
};

Phase::Phase(const std::vector<double>& affinities, Task task)
    : state_(std::make_unique<State>(affinities, std::move(task))) {}

Phase::Phase(std::size_t count, Task task) {
  std::vector<double> affinities;
  for (std::size_t i = 0; i < count; ++i) affinities.push_back(static_cast<double>(i) / static_cast<double>(count));
  state_ = std::make_unique<State>(std::move(affinities), std::move(task));
}

Phase::~Phase() = default;
Phase::Phase(Phase&&) noexcept = default;
Phase& Phase::operator=(Phase&&) noexcept = default;

/// What the threads of one run share.
class PhaseRun {
 public:
  PhaseRun(std::vector<Phase>& phases, std::size_t threads) : phases_(phases), threads_(threads) {
    for (Phase& phase : phases_) {
      phase.state_->begin(threads);
      most_tasks_ = std::max(most_tasks_, phase.state_->affinities.size());
    }
  }

  void run() {
    run_isolated(std::min(threads_, most_tasks_), [this](std::size_t) { take_part(); });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void take_part() {
    const int index = tbb::this_task_arena::current_thread_index();
    for (Phase& phase : phases_) {
      if (failed_.load(std::memory_order_relaxed)) return;
      work(*phase.state_, static_cast<std::size_t>(std::max(0, index)));
      wait(*phase.state_);
    }
  }

  /// Runs the tasks that prefer `thread` first, then steals those of threads that are late.
  void work(Phase::State& phase, std::size_t thread) {
    for (std::size_t i = 0; i < threads_; ++i) {
      Phase::State::ThreadQueue& queue = phase.queues[(thread + i) % threads_];
      for (std::size_t at; (at = queue.next.fetch_add(1, std::memory_order_relaxed)) < queue.tasks.size();) {
        call(phase, queue.tasks[at], thread);
        phase.left.tasks.fetch_sub(1, std::memory_order_release);
      }
    }
  }

  void call(Phase::State& phase, std::size_t task, std::size_t thread) {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      phase.task(task, thread);
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  // The spin-then-yield barrier: a phase ends within microseconds, and yielding lets threads without a core finish theirs.
  static void wait(const Phase::State& phase) {
    for (int looks = 0; phase.left.tasks.load(std::memory_order_acquire) > 0; ++looks)
      looks < 2000 ? relax() : std::this_thread::yield();
  }

  std::vector<Phase>& phases_;
  std::size_t threads_, most_tasks_ = 0;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // by the thread that set failed_; read when all have left
};

void run_phases(std::vector<Phase>& phases) { PhaseRun(phases, max_threads()).run(); }

}  // namespace millrace::cpu
