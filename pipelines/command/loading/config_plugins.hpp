// The plugins that a config names: found, trusted or refused, loaded.
#pragma once

#include "config/document/document.hpp"
#include "config_options.hpp"
#include "diagnostics/diagnostics.hpp"

#include <millrace/registry.hpp>

namespace millrace::pipelines {

/// Loads what `document` and `--set plugins=...` name. A path is relative to the file that it is written in, one on the command line to
/// the current folder. False when one could not be loaded or may not: `--no-plugins` refuses those of files (plugins-refused),
/// `--strict-paths` those outside of the config's folder (outside-folder).
bool load_named_plugins(const DocNode& document, const ConfigOptions& options, StageRegistry& registry,
                        Diagnostics& diagnostics);

/// `document` with paths of plugins that start at the current folder, not at the files that name them. Names without a path stay.
DocNode with_plugins_from_here(DocNode document);
/// The same with paths from the root: for a config that is to lie elsewhere.
DocNode with_plugins_from_root(DocNode document);

/// With `--strict-paths`, and from before the config is read: this process and those it starts open nothing to read but what lies
/// below the config's folder, in the folders of data sets and plugins, and the files of `--plugin`.
void restrict_inputs(const ConfigOptions& options);

}  // namespace millrace::pipelines
