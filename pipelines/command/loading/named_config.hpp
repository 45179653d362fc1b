// Configs that come with Millrace, by name: `pipeline-run mnist_mlp`.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Names of the configs in the folder share/millrace/configs of the installation, or of the build, this program belongs to; sorted.
std::vector<std::string> config_names();

/// The path of the config that `target` means: a file that is there, "-" or another word that begins with it, and whatever has a `/` or a `.` is itself; a folder
/// with a config.yaml, such as a run's, means that; a name is looked for. Empty when there is no such config.
std::string config_path(const std::string& target);

/// The path of the config of that name that comes with Millrace; empty when there is none.
std::string own_config(const std::string& name);

/// What to say of a `target` that is not there: which config that comes with Millrace was meant, or nothing.
std::string named_config_help(const std::string& target);

}  // namespace millrace::pipelines
