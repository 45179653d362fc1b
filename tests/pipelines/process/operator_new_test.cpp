// What is asked for beyond what a size can hold is refused, not wrapped round to a small piece.
#include "catch.hpp"
#include "process/memory_reserve.hpp"

#include <millrace/registry.hpp>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string_view>

namespace {

using namespace millrace::pipelines;

constexpr bool kIsOurs = std::string_view(MILLRACE_DETAIL_SANITIZER) == "none";

// Through these no compiler sees how much is asked for.
volatile std::size_t most = SIZE_MAX;
int (*volatile aligned)(void**, std::size_t, std::size_t) = posix_memalign;

TEST_CASE("aligned memory up to the last byte that there is throws", "[memory]") {
  if (!kIsOurs) return;
  for (const std::size_t less : {0, 1, 62, 63, 64}) CHECK_THROWS_AS(allocate_or_end(most - less, 64), std::bad_alloc);
  CHECK_THROWS_AS(::operator new(most - 1, std::align_val_t(4096)), std::bad_alloc);
  CHECK(allocate_for_free_or_end(most - 1, 64) == nullptr);
}

TEST_CASE("posix_memalign answers as its manual says", "[memory]") {
  if (!kIsOurs) return;
  int untouched = 0;
  void* memory = &untouched;
  for (const std::size_t bad : {0, 1, 3, 4, 12, 24}) CHECK(aligned(&memory, bad, 100) == EINVAL);
  for (const std::size_t less : {0, 1, 63, 64}) CHECK(aligned(&memory, 64, most - less) == ENOMEM);
  CHECK(memory == &untouched);
  for (const std::size_t good : {8, 64, 4096}) {
    REQUIRE(aligned(&memory, good, 100) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % good == 0);
    std::free(memory);
  }
}

}  // namespace
