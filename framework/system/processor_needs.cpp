// Compiled as all the rest, so that the compiler tells what it may use; only data, as code of this file could not run where the
// check has to.
#include "system/processor_check.hpp"

namespace millrace {

constexpr std::uint64_t needed() {
  std::uint64_t bits = 0;
#ifdef __SSE4_1__
  bits |= 1U << 0U;
#endif
#ifdef __SSE4_2__
  bits |= 1U << 1U;
#endif
#ifdef __POPCNT__
  bits |= 1U << 2U;
#endif
#ifdef __AVX__
  bits |= 1U << 3U;
#endif
#ifdef __AVX2__
  bits |= 1U << 4U;
#endif
#ifdef __FMA__
  bits |= 1U << 5U;
#endif
#ifdef __BMI__
  bits |= 1U << 6U;
#endif
#ifdef __BMI2__
  bits |= 1U << 7U;
#endif
#ifdef __AVX512F__
  bits |= 1U << 8U;
#endif
#ifdef __AVX512BW__
  bits |= 1U << 9U;
#endif
#ifdef __AVX512DQ__
  bits |= 1U << 10U;
#endif
#ifdef __AVX512VL__
  bits |= 1U << 11U;
#endif
#ifdef __AVX512VNNI__
  bits |= 1U << 12U;
#endif
#ifdef __AVX512VBMI__
  bits |= 1U << 13U;
#endif
  return bits;
}

constinit const std::uint64_t kNeededInstructionSets = needed();

}  // namespace millrace
