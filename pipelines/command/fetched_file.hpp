// A file that gets its name only when its content is right.
#pragma once

#include <millrace/dataset.hpp>
#include <millrace/files/atomic_file.hpp>

#include <string>

namespace millrace::pipelines {

/// "" when the unpacked content of `path` is what `file` says, else what is wrong with it. Reads no further than needed.
std::string content_problem(const std::string& path, const DatasetFile& file);

/// A file of a data set, beside its final place. Throws Error("output-unwritable", output).
class FetchedFile {
 public:
  /// Makes `folder` where it is missing, and removes from it what killed processes have left.
  FetchedFile(const std::string& folder, const std::string& name);

  int descriptor() const { return file_.descriptor(); }
  /// To read it, as long as this lives.
  std::string path() const { return file_.readable_path(); }
  /// After a power cut there is the old file or the whole new one.
  void publish();
  /// Throws Error("output-unwritable", output): what could not be done, and the system's reason in `error`.
  [[noreturn]] void fail(const char* what, int error) const { fail(folder_, what, error); }

 private:
  [[noreturn]] static void fail(const std::string& folder, const char* what, int error);
  static const std::string& made(const std::string& folder);
  std::string folder_;
  AtomicFile file_;
};

}  // namespace millrace::pipelines
