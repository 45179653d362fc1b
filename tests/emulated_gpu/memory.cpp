// An ordered map of all pieces, searched by address. New memory is filled with 0xFF, as floats NaNs, so that reading what nobody wrote shows.
#include "memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>

namespace emulated {
namespace {

constexpr std::size_t kAlignment = 256;     // as CUDA promises
constexpr std::size_t kHugePage = 2 << 20;  // touching new memory takes a tenth of the time with these

struct Piece {
  Place place;
  std::size_t bytes;
};

struct Pieces {
  std::mutex mutex;
  std::map<const std::byte*, Piece, std::less<>> all;
  std::size_t used = 0;  ///< of the GPU
};

Pieces& pieces() {
  static Pieces& all = *new Pieces;
  return all;
}

std::size_t rounded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void* filled(std::size_t bytes) {
  const bool is_large = bytes >= kHugePage;
  void* memory = std::aligned_alloc(is_large ? kHugePage : kAlignment, bytes);
  if (is_large) madvise(memory, bytes, MADV_HUGEPAGE);
  return std::memset(memory, 0xFF, bytes);
}

}  // namespace

void* allocate(Place place, std::size_t bytes) {
  Pieces& p = pieces();
  const std::lock_guard lock(p.mutex);
  if (place == Place::device && rounded(bytes) > gpu_bytes() - p.used) return nullptr;
  void* memory = filled(rounded(bytes));
  p.all.emplace(static_cast<const std::byte*>(memory), Piece{place, bytes});
  if (place == Place::device) p.used += rounded(bytes);
  return memory;
}

bool release(Place place, void* memory) {
  Pieces& p = pieces();
  const std::lock_guard lock(p.mutex);
  const auto found = p.all.find(static_cast<const std::byte*>(memory));
  if (found == p.all.end() || found->second.place != place) return false;
  if (place == Place::device) p.used -= rounded(found->second.bytes);
  p.all.erase(found);
  std::free(memory);
  return true;
}

Found find(const void* memory, std::size_t bytes) {
  Pieces& p = pieces();
  const std::lock_guard lock(p.mutex);
  const auto* begin = static_cast<const std::byte*>(memory);
  auto after = p.all.upper_bound(begin);
  if (after == p.all.begin()) return {};
  const auto& [start, piece] = *--after;
  if (begin >= start + piece.bytes) return {};
  return {piece.place, begin + bytes <= start + piece.bytes};
}

std::size_t gpu_bytes() {
  const char* text = std::getenv("EMULATED_GPU_MEMORY");
  return text == nullptr ? std::size_t{8} << 30 : std::strtoull(text, nullptr, 10);
}

std::size_t free_gpu_bytes() {
  Pieces& p = pieces();
  const std::lock_guard lock(p.mutex);
  return gpu_bytes() - p.used;
}

}  // namespace emulated
