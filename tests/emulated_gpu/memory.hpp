// What memory of the emulated GPU and pinned memory of the host is there.
#pragma once

#include <cstddef>

namespace emulated {

enum class Place { device, pinned, host };

/// New memory full of 0xFF: floats are NaN until something writes them. Null when the GPU has no more.
void* allocate(Place place, std::size_t bytes);
/// Whether `memory` is the beginning of such memory.
bool release(Place place, void* memory);

/// `bytes` bytes from `memory` on. Of the host when it is in no such memory; `fits` says whether all of it is in one piece.
struct Found {
  Place place = Place::host;
  bool fits = true;
};
Found find(const void* memory, std::size_t bytes);

/// From EMULATED_GPU_MEMORY, in bytes.
std::size_t gpu_bytes();
std::size_t free_gpu_bytes();

}  // namespace emulated
