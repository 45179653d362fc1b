// What a config may be at most.
#pragma once

#include <cstddef>

namespace millrace::pipelines {

// Each limit has a test on both of its sides.
inline constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxLayersBytes = std::size_t{4} << 20;  ///< a config and all that it extends
inline constexpr std::size_t kMaxScalarBytes = std::size_t{1} << 16;
inline constexpr std::size_t kMaxDocumentNodes = 100'000;  ///< values of a config and of all that it extends
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxGraphNodes = 1'000;

/// What to do about a config that holds its data: the help of too-large.
inline constexpr const char* kKeepDataInFiles =
    "keep data in IDX files and read them with `idx_loader: {images: FILE, labels: FILE}`, which takes numbers of any "
    "shape";

}  // namespace millrace::pipelines
