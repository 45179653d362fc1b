// A library that was optimized for one processor says so on another, where it would end without a word (SIGILL). The check is
// made when the library is loaded, before anything else of it runs: one line on standard error, exit code 5.
#pragma once

#include <cstdint>

namespace millrace {

/// A bit for each instruction set that the library was compiled for, in the order of the names in processor_check.cpp.
extern const std::uint64_t kNeededInstructionSets;

}  // namespace millrace
