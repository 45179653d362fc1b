// What a checkpoint says of itself beside its tensors, as texts.
#pragma once

#include <millrace/files/checkpoint.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::nn {

/// Where the digest of the file stands, and what stands there while it is taken.
inline constexpr const char* kSha256Key = "sha256";
inline constexpr std::size_t kSha256Digits = 64;

/// The nodes of a checkpoint, in its order.
std::vector<std::string> trainers_of(const Checkpoint& checkpoint);
std::vector<std::string> stages_of(const Checkpoint& checkpoint);

/// The checkpoint's own metadata and what the format says itself, with `sha256` as zeros. Throws Error(checkpoint-metadata, run) where two
/// of them have one key, or a node has no name or one with a space.
SafetensorsMetadata metadata_of(const Checkpoint& checkpoint);
/// The header of a checkpoint from that of its file. Throws Error(checkpoint-format | checkpoint-metadata, data).
CheckpointHeader header_of(SafetensorsHeader tensors, const std::string& path);

}  // namespace millrace::nn
