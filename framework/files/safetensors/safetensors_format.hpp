// What reader and writer of safetensors files must agree on: names of types, sizes, and what a name may be.
#pragma once

#include <millrace/files/safetensors.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

inline constexpr std::size_t kSafetensorsLengthBytes = 8;  ///< of the number in front of the header
inline constexpr std::string_view kSafetensorsMetadataKey = "__metadata__";
/// No offset, size or dimension is larger, so that each fits into off_t and std::int64_t.
inline constexpr std::uint64_t kMaxSafetensorsOffset = INT64_MAX;

/// The type that the format calls so.
std::optional<SafetensorsType> safetensors_type_named(std::string_view);

/// What a tensor takes; nothing when a dimension is negative, when there are too many, or when the product of the others than 0 is above
/// kMaxSafetensorsOffset. A shape with a 0 takes no bytes, but numpy and torch, too, refuse the others when they overflow.
std::optional<std::uint64_t> safetensors_tensor_bytes(SafetensorsType type, std::span<const std::int64_t> shape);

/// What is wrong with the name of a tensor, for a sentence; empty when nothing is.
std::string fault_of_safetensors_name(std::string_view name);

/// "`text`" for a message, cut behind kMaxSafetensorsNameBytes.
std::string quoted_name(std::string_view text);

}  // namespace millrace
