// What a verb may be told about the config and the plugins that it reads.
#pragma once

#include "command/options/option.hpp"
#include "config/spec/overrides.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

struct PluginOptions : VerbOptions {
  std::vector<std::string> plugins;  ///< files, or names in a plugin folder
};

struct ConfigOptions : PluginOptions {
  std::string config;               ///< a path, or "-"
  std::vector<Override> overrides;  ///< --set, --threads and --device in the order in which they were given
  bool no_plugins = false;          ///< plugins that the config names are refused
  bool strict_paths = false;        ///< so is what lies outside of its folder
  bool strict = false;              ///< warnings are errors
  std::string runs_of_weights;      ///< where runs are whose weights a config names; empty: in the usual folder
};

}  // namespace millrace::pipelines
