// What memory of the emulated card and pinned memory of the host is there.
#pragma once

#include <cstddef>

namespace emulated {

enum class Place { device, pinned, host };

/// New memory full of 0xFF: floats are NaN until something writes them. Null when the card has no more.
void* allocate(Place place, std::size_t bytes);
/// Whether `memory` is the beginning of such memory.
bool release(Place place, void* memory);

/// `bytes` bytes from `memory` on. Of the host when it is in no such memory; `fits` says whether all of it is in one piece.
struct Found {
  Place place = Place::host;
  bool fits = true;
};
Found find(const void* memory, std::size_t bytes);

/// From EMULATED_CARD_MEMORY, in bytes.
std::size_t card_bytes();
std::size_t free_card_bytes();

}  // namespace emulated
