// What happens while a plugin is tried is told at once, or kept as a warning with its place.
#include "plugin_loading.hpp"

#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/plugin_search.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace::pipelines {
namespace {

Diagnostic warning(std::string name, std::string message, std::string help, const Location& where) {
  Diagnostic found{
      {.kind = ErrorKind::plugin, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
      where};
  found.severity = Severity::warning;
  return found;
}

}  // namespace

PluginTrial waiting_trial() {
  PluginTrial trial;
  trial.is_slow = [](const std::string& file, std::chrono::milliseconds limit) {
    write_note(fmt::format("waiting for plugin `{}` to load, {} s at most (MILLRACE_PLUGIN_TIMEOUT_MS)\n",
                           printable(file), static_cast<double>(limit.count()) / 1000));
  };
  return trial;
}

PluginTrial warning_trial(Diagnostics& to, const Location& where) {
  PluginTrial trial = waiting_trial();
  trial.starts_threads = [&to, where](const std::string& file, int threads) {
    to.add(warning("plugin-starts-threads",
                   fmt::format("plugin `{}` starts {} of its own while it is loaded", file, counted(threads, "thread")),
                   "a stage starts threads in `open` and ends them in `close`", where));
  };
  trial.changes_floats = [&to, where](const std::string& file) {
    to.add(warning("plugin-changes-floats",
                   fmt::format("plugin `{}` changes rounding or denormals when it is loaded; that was undone", file),
                   "link it without -ffast-math", where));
  };
  return trial;
}

void load_plugins(const std::vector<std::string>& plugins, StageRegistry& registry, const PluginTrial& trial) {
  load_builtin_plugin(registry);
  for (const std::string& plugin : plugins) load_plugin(find_plugin(plugin), registry, trial);
}

}  // namespace millrace::pipelines
