// The plugins that a config names: found, trusted or refused, loaded; and which were loaded in the end.
#pragma once

#include "command/line/command.hpp"
#include "config/document/document.hpp"
#include "diagnostics/diagnostics.hpp"

#include <millrace/registry.hpp>

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

/// Loads what `document` and `--set plugins=...` name. A path is relative to the file that it is written in, one on the command line to
/// the current folder. False when one could not be loaded or may not: `--no-plugins` refuses those of files (plugins-refused),
/// `--strict-paths` those outside of the config's folder (outside-folder).
bool load_named_plugins(const DocNode& document, const CommandOptions& options, StageRegistry& registry,
                        Diagnostics& diagnostics);

/// All plugins but the built-in one that have brought stages, in order of their files: [{"name": ..., "version": ..., "file": ...}].
nlohmann::ordered_json loaded_plugins_json(const StageRegistry& registry);
/// Names them on standard error, one a line: their code has run.
void note_loaded_plugins(const StageRegistry& registry);

/// With `--strict-paths`, and from before the config is read: this process and those it starts open nothing to read but what lies
/// below the config's folder, in the folders of data sets and plugins, and the files of `--plugin`.
void restrict_inputs(const CommandOptions& options);

}  // namespace millrace::pipelines
