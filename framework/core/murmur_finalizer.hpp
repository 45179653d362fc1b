// The finalizer of MurmurHash3 for 64 bits: each bit of the result depends on every bit that goes in, and no two inputs give one result.
//
// Source: Appleby, MurmurHash3, `fmix64`, public domain.
#pragma once

#include <cstdint>

namespace millrace::detail {

inline std::uint64_t murmur_finalizer(std::uint64_t h) {
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 33);
}

}  // namespace millrace::detail
