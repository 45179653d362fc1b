// Runs for the tests of the record: made as `pipeline-run CONFIG` makes them, and what stands in their files.
#pragma once

#include "record/folder/run_folder.hpp"
#include "temp_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::testing {

inline pipelines::NewRun new_run(const std::string& name, const std::string& started = "2026-01-02T03:04:05.678Z") {
  return {name, "version: 1\n", "{\"schema\": 1, \"started\": \"" + started + "\", \"epochs\": 3}\n"};
}

/// A run in `runs` that nobody holds any more.
inline std::string abandoned_run(const std::string& runs, const std::string& name,
                                 const std::string& started = "2026-01-02T03:04:05.678Z") {
  return pipelines::RunFolder::make(runs, new_run(name, started)).path();
}

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<std::string> entries_of(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

/// The holder of attempt `number` has not been heard of since 1970, although it lives.
inline void silence(const std::string& run, std::int64_t number) {
  const std::string file = run + "/claim/" + std::to_string(number);
  const timespec times[2] = {{0, 0}, {0, 0}};
  if (::utimensat(AT_FDCWD, file.c_str(), times, 0) != 0) throw std::runtime_error("cannot set the time of " + file);
}

}  // namespace millrace::testing
