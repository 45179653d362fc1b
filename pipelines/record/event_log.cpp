// The step of an event is its epoch.
#include "event_log.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <vector>

namespace millrace::pipelines {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string path_in(const std::string& folder) {
  const auto seconds = static_cast<std::int64_t>(std::floor(now_seconds()));
  return (std::filesystem::path(folder) / event_file_name(seconds, host_name())).string();
}

}  // namespace

EventLog::EventLog(const std::string& attempt_folder, std::span<const Metrics> earlier)
    : file_(path_in(attempt_folder), now_seconds()) {
  for (const Metrics& metrics : earlier) append(metrics);
}

void EventLog::append(const Metrics& metrics) {
  std::vector<EventScalar> scalars;
  for (const auto& [name, value] : metrics.values) scalars.push_back({name, value});
  file_.append(now_seconds(), metrics.epoch, scalars);
}

}  // namespace millrace::pipelines
