// Philox4x32-10, for host and device code; random.hpp is what stages use.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.
#pragma once

#include <millrace/detail/host_device.hpp>

#include <cstdint>

namespace millrace::detail {

struct PhiloxWords {
  std::uint32_t w[4];
};

/// Ten rounds over `counter` with the key (key0, key1).
MILLRACE_HOST_DEVICE inline PhiloxWords philox_words(PhiloxWords counter, std::uint32_t key0, std::uint32_t key1) {
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter.w[0], p1 = std::uint64_t{0xCD9E8D57} * counter.w[2];
    counter = {{static_cast<std::uint32_t>(p1 >> 32) ^ counter.w[1] ^ key0, static_cast<std::uint32_t>(p1),
                static_cast<std::uint32_t>(p0 >> 32) ^ counter.w[3] ^ key1, static_cast<std::uint32_t>(p0)}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

}  // namespace millrace::detail
