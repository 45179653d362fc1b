// Loads a plugin in a process of its own first, so that one that crashes, hangs or exits takes nobody with it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// How plugins are tried, and what is told of it.
struct PluginTrial {
  std::string program = "/proc/self/exe";  ///< pipeline-run: what tries them when its first argument is kTryPlugin
  std::function<void(const std::string& file, std::chrono::milliseconds limit)>
      is_slow;                                                               ///< after a second; may be empty
  std::function<void(const std::string& file, int threads)> starts_threads;  ///< and leaves them running; may be empty
  std::function<void(const std::string& file)> changes_floats =
      {};  ///< rounding or denormals, which was undone; may be empty
};

/// The first argument of the program that tries a plugin; the process that asks and the plugin's file follow.
inline constexpr const char* kTryPlugin = "__try_plugin";

/// Lets another process load `file`, check its descriptors and end. Returns the names of its stages. Throws what went wrong
/// there, if that was an Error. Otherwise throws Error(plugin), with the last line that the process wrote to standard error as a note:
/// plugin-crashes (a signal ended it), plugin-exits (it ended itself), plugin-hangs (it was not done within `limit`).
std::vector<std::string> probe(const std::string& file, std::chrono::milliseconds limit, const PluginTrial& trial);

/// The other process: does it, tells its parent and ends. Returns an exit code only where nobody has asked.
int serve_probe(long parent, const std::string& file);

}  // namespace millrace::pipelines
