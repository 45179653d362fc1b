// Compiled for every processor of the family. Nothing of the standard library is called: the linker may take its inline functions
// from a file that was compiled for the other processor.
#include "system/processor_check.hpp"

#include <unistd.h>

#include <cstddef>

namespace millrace {
namespace {

#if defined(__x86_64__)
struct InstructionSet {
  const char* name;
  bool is_there;
};

void tell(const char* text) {
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  if (write(STDERR_FILENO, text, size) < 0) return;
}

// 101 is the first priority that is not the compiler's own. The builtin takes literals alone.
[[gnu::constructor(101)]] void check_processor() {
  __builtin_cpu_init();
  const InstructionSet sets[] = {{"sse4.1", __builtin_cpu_supports("sse4.1") != 0},
                                 {"sse4.2", __builtin_cpu_supports("sse4.2") != 0},
                                 {"popcnt", __builtin_cpu_supports("popcnt") != 0},
                                 {"avx", __builtin_cpu_supports("avx") != 0},
                                 {"avx2", __builtin_cpu_supports("avx2") != 0},
                                 {"fma", __builtin_cpu_supports("fma") != 0},
                                 {"bmi", __builtin_cpu_supports("bmi") != 0},
                                 {"bmi2", __builtin_cpu_supports("bmi2") != 0},
                                 {"avx512f", __builtin_cpu_supports("avx512f") != 0},
                                 {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
                                 {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
                                 {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
                                 {"avx512vnni", __builtin_cpu_supports("avx512vnni") != 0},
                                 {"avx512vbmi", __builtin_cpu_supports("avx512vbmi") != 0},
                                 {"what no processor has", false}};  // for the test
  bool lacks = false;
  std::uint64_t bit = 1;
  for (const InstructionSet& set : sets) {
    if ((kNeededInstructionSets & bit) != 0 && !set.is_there) {
      tell(lacks ? ", " : "Millrace was built for another processor (-march=native); this one lacks ");
      tell(set.name);
      lacks = true;
    }
    bit <<= 1U;
  }
  if (!lacks) return;
  tell(". Build it on this machine, or with -DMILLRACE_NATIVE=OFF for all machines.\n");
  _exit(5);
}
#endif

}  // namespace
}  // namespace millrace
