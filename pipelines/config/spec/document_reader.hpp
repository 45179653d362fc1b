// A config file and everything that it extends, as one document.
#pragma once

#include "config/document/document.hpp"
#include "diagnostics/diagnostics.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// The path of a config that comes with Millrace, by its name alone; empty when there is none.
using FindNamed = std::function<std::string(const std::string& name)>;

/// Reads `path` ("-" is standard input) and everything it extends: files, and names that `find_named` knows. Every error goes to `diagnostics`; the result is empty when
/// nothing useful could be read.
std::optional<DocNode> read_document(const std::string& path, Diagnostics& diagnostics, FindNamed find_named = {});
/// Plugins that a document names, so that they can be loaded before `build_spec`.
std::vector<std::string> plugins_of(const DocNode& document);

}  // namespace millrace::pipelines
