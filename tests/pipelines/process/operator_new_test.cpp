// What is asked for beyond what a size can hold is refused, not wrapped round to a small piece.
#include "catch.hpp"
#include "process/memory_reserve.hpp"

#include <millrace/registry.hpp>

#include <malloc.h>

#include <algorithm>
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
  CHECK(allocate_or_null(most - 1, 64) == nullptr);
}

TEST_CASE("posix_memalign answers as its manual says", "[memory]") {
  if (!kIsOurs) return;
  int untouched = 0;
  void* memory = &untouched;
  for (const std::size_t bad : {0, 1, 3, 4, 12, 24}) CHECK(aligned(&memory, bad, 100) == EINVAL);
  for (const std::size_t less : {0, 1, 63, 64}) CHECK(aligned(&memory, 64, most - less) == ENOMEM);
  CHECK(aligned(&memory, std::size_t{1} << 46, 100) == ENOMEM);  // a small piece, but not of the reserve
  CHECK(memory == &untouched);
  for (const std::size_t good : {8, 64, 4096}) {
    REQUIRE(aligned(&memory, good, 100) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % good == 0);
    std::free(memory);
  }
}

// Their addresses, so that no compiler puts its own knowledge of them in their place.
void* (*volatile get)(std::size_t) = malloc;
void* (*volatile get_zeros)(std::size_t, std::size_t) = calloc;
void* (*volatile resize)(void*, std::size_t) = realloc;
void* (*volatile get_aligned)(std::size_t, std::size_t) = aligned_alloc;

TEST_CASE("malloc and its relatives answer as their manuals say", "[memory]") {
  if (!kIsOurs) return;
  CHECK(get(most - 100) == nullptr);
  CHECK(get_zeros(most / 2, 3) == nullptr);
  auto* bytes = static_cast<unsigned char*>(get_zeros(1000, 3));
  REQUIRE(bytes != nullptr);
  CHECK(malloc_usable_size(bytes) >= 3000);
  CHECK(std::all_of(bytes, bytes + 3000, [](unsigned char byte) { return byte == 0; }));
  std::fill_n(bytes, 3000, static_cast<unsigned char>(7));
  CHECK(resize(bytes, most - 100) == nullptr);
  bytes = static_cast<unsigned char*>(resize(bytes, 5'000'000));
  REQUIRE(bytes != nullptr);
  CHECK(std::count(bytes, bytes + 3000, 7) == 3000);
  CHECK(resize(bytes, 0) == nullptr);
  void* const empty = resize(nullptr, 0);
  CHECK(empty != nullptr);
  std::free(empty);
  for (const std::size_t alignment : {1, 16, 64, 4096}) {
    void* const memory = get_aligned(alignment, 100);
    REQUIRE(memory != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % alignment == 0);
    std::free(memory);
  }
}

}  // namespace
