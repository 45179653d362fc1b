// One YAML text to a tree with positions. Its source is the only file that includes yaml-cpp.
#pragma once

#include "diagnostics/diagnostics.hpp"
#include "document.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// What a config may be at most. Each limit has a test on both of its sides.
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

/// Parses `source.text` from byte `offset` on: one document, aliases expanded, `<<` merged, keys unique. Errors go to
/// `diagnostics`; empty when there is no tree to go on with. `values`: those of the texts before, which count as well; those of
/// this one are added.
std::optional<DocNode> parse_yaml(const std::shared_ptr<const SourceText>& source, std::size_t offset,
                                  Diagnostics& diagnostics, std::size_t& values);
/// The same for a text that stands alone.
std::optional<DocNode> parse_yaml(const std::shared_ptr<const SourceText>& source, std::size_t offset,
                                  Diagnostics& diagnostics);
/// Parses one YAML value, as after `--set x=`. `origin`: where it was written, for messages.
std::optional<DocNode> read_value(std::string_view text, const std::string& origin, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
