// A program of a library that was built for a processor which nobody has: it must end before its main, and before its objects are made.
#include "system/processor_check.hpp"

#include <cstdio>

namespace millrace {
constinit const std::uint64_t kNeededInstructionSets = 1U << 14U;
}  // namespace millrace

namespace {
const int kEarly = std::puts("an object was made");
}  // namespace

int main() { return kEarly < 0 ? 1 : std::puts("main was reached") < 0; }
