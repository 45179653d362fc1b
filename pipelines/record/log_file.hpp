// A text file that only grows.
#pragma once

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// One thread at a time. Throws Error("output-unwritable", output).
class LogFile {
 public:
  explicit LogFile(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  /// Not brought to the disk: it survives the end of the process, not that of the machine.
  void write(std::string_view text);

 private:
  const std::string path_;
  int descriptor_;
};

}  // namespace millrace::pipelines
