// Runs fixed tasks on the threads of the caller's oneTBB arena.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace millrace::cpu {

/// Calls task(0) ... task(count - 1), each once, and returns when all are done. The calling thread takes part, and takes no
/// other work of the arena meanwhile. What a task throws is thrown here.
void run_tasks(std::size_t count, const std::function<void(std::size_t)>& task);

/// Threads that may run tasks of the caller's arena at once.
std::size_t max_threads();

/// Tasks of which any may run at the same time, and which meet the same memory whenever they run. Each has an affinity to
/// one thread, whose core has the task's data in its caches.
class Phase {
 public:
  /// task(i, thread): no two calls at once have the same `thread`, which is below max_threads().
  using Task = std::function<void(std::size_t, std::size_t)>;
  /// `affinities`: a number in [0, 1) for each task. Tasks with equal numbers prefer the same thread in all phases.
  Phase(const std::vector<double>& affinities, Task task);
  /// Tasks without a preferred thread: their affinities are spread evenly over [0, 1).
  Phase(std::size_t count, Task task);
  ~Phase();
  Phase(Phase&&) noexcept;
  Phase& operator=(Phase&&) noexcept;

 private:
  friend class PhaseRun;
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs the phases one after the other, in one parallel region, with a spin-then-yield barrier between two phases: threads
/// that have joined stay to the end and never sleep. The caller takes part, and waits for no thread that has not joined.
/// Rethrows what a task throws; no later phase begins then. The same phases must not be run twice at once.
void run_phases(std::vector<Phase>& phases);

}  // namespace millrace::cpu
