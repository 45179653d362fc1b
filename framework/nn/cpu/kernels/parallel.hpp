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

/// Tasks of which any may run at the same time, and which meet the same memory whenever they run. Each has a home, the
/// thread that had best run it because its data are in that core's caches.
class Phase {
 public:
  /// task(i, thread): no two calls at once have the same `thread`, which is below max_threads().
  using Task = std::function<void(std::size_t, std::size_t)>;
  /// `places`: for each task where its data lie, in [0, 1). Equal places have the same home in all phases.
  Phase(const std::vector<double>& places, Task task);
  /// Tasks without a home, at places all over [0, 1).
  Phase(std::size_t count, Task task);
  ~Phase();
  Phase(Phase&&) noexcept;
  Phase& operator=(Phase&&) noexcept;

 private:
  friend class PhaseRun;
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs the phases one after the other, in one parallel region: a thread that has come stays to the end and waits for the
/// others between two phases without going to sleep. The caller takes part and waits for nobody who has not come. What a
/// task throws is thrown here, and no later phase begins. One run of the same phases at a time.
void run_phases(std::vector<Phase>& phases);

}  // namespace millrace::cpu
