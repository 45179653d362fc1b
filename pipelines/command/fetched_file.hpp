// A file that gets its name only when its content is right.
#pragma once

#include <millrace/dataset.hpp>

#include <string>

namespace millrace::pipelines {

/// "" when the unpacked content of `path` is what `file` says, else what is wrong with it. Reads no further than needed.
std::string content_problem(const std::string& path, const DatasetFile& file);

/// A file beside its final place. It has no name until it is published where the system can do that, so nothing is left
/// whatever ends the process; elsewhere it has one that nobody can guess, and the next one removes what a killed process left.
class TemporaryFile {
 public:
  /// Makes `folder` where it is missing. Throws Error("output-unwritable", output).
  TemporaryFile(const std::string& folder, const std::string& name);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }
  /// To read it, as long as this lives.
  std::string path() const;
  /// Brings the bytes to the disk, then gives it its name: after a power cut there is the old file or the whole new one.
  void publish();
  /// Throws Error("output-unwritable", output): what could not be done, and the system's reason in `error`.
  [[noreturn]] void fail(const char* what, int error) const;

 private:
  void open_named();
  void replace();
  void sweep() const;
  std::string folder_, final_path_;
  std::string pattern_;  ///< pattern of names beside the final place
  std::string name_;     ///< a path; empty while there is none
  int descriptor_ = -1;
};

}  // namespace millrace::pipelines
