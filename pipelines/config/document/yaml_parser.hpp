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
