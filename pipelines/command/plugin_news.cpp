#include "plugin_news.hpp"

#include "config/printable_text.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {

PluginTrial told_trial() {
  PluginTrial trial;
  trial.is_slow = [](const std::string& file, std::chrono::milliseconds limit) {
    write_note(fmt::format("waiting for plugin `{}` to load, {} s at most (MILLRACE_PLUGIN_TIMEOUT_MS)\n",
                           printable(file), static_cast<double>(limit.count()) / 1000));
  };
  trial.changes_floats = [](const std::string& file) {
    write_note(fmt::format(
        "plugin `{}` changes rounding or denormals when it is loaded, as -ffast-math does; that was undone\n",
        printable(file)));
  };
  return trial;
}

}  // namespace millrace::pipelines
