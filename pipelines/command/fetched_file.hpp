// A file that gets its name only when its content is right.
#pragma once

#include <millrace/dataset.hpp>

#include <string>

namespace millrace::pipelines {

/// "" when the unpacked content of `path` is what `file` says, else what is wrong with it. Reads no further than needed.
std::string content_problem(const std::string& path, const DatasetFile& file);

/// A file beside its final place, removed again unless published.
class TemporaryFile {
 public:
  /// Makes `folder` where it is missing. Throws Error("output-unwritable", output).
  TemporaryFile(const std::string& folder, const std::string& name);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }
  /// Brings the bytes to the disk, then renames: after a power cut there is the old file or the whole new one.
  void publish();

 private:
  [[noreturn]] void fail(const char* what) const;
  std::string folder_, final_path_, path_;
  int descriptor_ = -1;
};

}  // namespace millrace::pipelines
