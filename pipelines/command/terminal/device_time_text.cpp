// Shares of the time that the device was in use, because seconds alone say nothing about a bottleneck.
#include "device_time_text.hpp"

#include "progress_text.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {

std::string device_time_text(const DeviceTimes& times) {
  if (times.seconds <= 0) return {};
  const auto percent = [&](double part) { return fmt::format("{:.0f}%", 100 * part / times.seconds); };
  std::string text = fmt::format("device busy {} of {}, idle {} (input {}, launch {}, sync {}", percent(times.busy),
                                 seconds_text(times.seconds), percent(times.idle()), percent(times.idle_input),
                                 percent(times.idle_launch), percent(times.idle_sync));
  if (times.idle_communication) text += fmt::format(", communication {}", percent(*times.idle_communication));
  text += ")\n";
  if (times.copy > 0)
    text += fmt::format("copies {}, {:.0f}% hidden behind computation\n", seconds_text(times.copy),
                        100 * times.copy_hidden / times.copy);
  return text;
}

}  // namespace millrace::pipelines
