// Seed and purpose are hashed into the key; normal numbers come from the Box-Muller transform.
#include "core/murmur_finalizer.hpp"
#include "core/philox.hpp"

#include <millrace/random.hpp>

#include <cmath>
#include <numbers>
#include <string>

namespace millrace {
namespace {

// FNV-1a over the purpose, then a finalizer over both: every bit of seed and purpose reaches every bit of the key.
std::uint64_t key_of(std::uint64_t seed, std::string_view purpose) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : purpose) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return detail::murmur_finalizer(h ^ seed);
}

}  // namespace

PhiloxCounter philox(PhiloxCounter c, PhiloxKey key) {
  const detail::PhiloxWords words = detail::philox_words({{c[0], c[1], c[2], c[3]}}, key[0], key[1]);
  return {words.w[0], words.w[1], words.w[2], words.w[3]};
}

Random::Random(std::uint64_t seed, std::string_view purpose) {
  const std::uint64_t key = key_of(seed, purpose);
  key_ = {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

std::uint64_t numbered_seed(std::uint64_t seed, std::int64_t number) {
  return number == 1 ? seed : key_of(seed, "#" + std::to_string(number));
}

PhiloxCounter Random::words(std::uint64_t index, std::uint32_t epoch, std::uint32_t block) const {
  return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), epoch, block}, key_);
}

float Random::uniform(std::uint64_t index, std::uint32_t epoch) const { return to_unit_float(words(index, epoch)[0]); }

float Random::normal(std::uint64_t index, std::uint32_t epoch) const {
  const PhiloxCounter w = words(index, epoch);
  // 1 - u lies in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - static_cast<double>(to_unit_float(w[0]))));
  return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * static_cast<double>(to_unit_float(w[1]))));
}

}  // namespace millrace
