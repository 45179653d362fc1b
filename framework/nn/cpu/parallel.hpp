// Runs fixed tasks on the threads of the caller's oneTBB arena.
#pragma once

#include <cstddef>
#include <functional>

namespace millrace::cpu {

/// Calls task(0) ... task(count - 1), each once, and returns when all are done. The calling thread takes part, and takes no
/// other work of the arena meanwhile. What a task throws is thrown here.
void run_tasks(std::size_t count, const std::function<void(std::size_t)>& task);

}  // namespace millrace::cpu
