// Reads the control registers (MXCSR and the x87 control word on x86-64, FPCR on AArch64), and writes them only where they were changed.
#include <millrace/float_environment.hpp>

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace millrace {

#if defined(__x86_64__)

namespace {
// All exceptions masked, round to nearest, nothing flushed; the lowest six bits only tell what has happened.
constexpr unsigned kMxcsr = 0x1F80, kMxcsrHistory = 0x3F;
// The same for x87, with its full precision: long double is computed there.
constexpr unsigned short kControlWord = 0x37F, kControlBits = 0x1F3F;
}  // namespace

bool restore_float_environment() noexcept {
  const unsigned mxcsr = _mm_getcsr();
  unsigned short word = 0;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  const bool sse_changed = (mxcsr & ~kMxcsrHistory) != kMxcsr;
  const bool x87_changed = (word & kControlBits) != (kControlWord & kControlBits);
  // A pending exception whose mask is taken away would trap, so what has happened is forgotten too.
  if (sse_changed) _mm_setcsr(kMxcsr);
  if (x87_changed) __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(kControlWord));
  return sse_changed || x87_changed;
}

#elif defined(__aarch64__)

bool restore_float_environment() noexcept {
  std::uint64_t control = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  if (control == 0) return false;
  __asm__ volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  return true;
}

#else
#error "Say here how this processor's floating-point settings are read and set."
#endif

}  // namespace millrace
