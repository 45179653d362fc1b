// One YAML text to a tree with positions. The source is spec_reader.cpp, the only file that includes yaml-cpp.
#pragma once

#include "diagnostics.hpp"
#include "document.hpp"

#include <cstddef>
#include <memory>
#include <optional>

namespace millrace::pipelines {

/// What a config may be at most. Each limit has a test on both of its sides.
inline constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxScalarBytes = std::size_t{1} << 16;
inline constexpr std::size_t kMaxDocumentNodes = 100'000;
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxGraphNodes = 1'000;

/// Parses `source.text` from byte `offset` on: one document, aliases expanded, `<<` merged, keys unique. Errors go to
/// `diagnostics`; empty when there is no tree to go on with.
std::optional<DocNode> parse_yaml(const std::shared_ptr<const SourceText>& source, std::size_t offset,
                                  Diagnostics& diagnostics);

}  // namespace millrace::pipelines
