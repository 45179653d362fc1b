// The one way in which a file is opened to be read: configs, what they extend, data, plugins.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace {

class Error;

/// What to do about a file or folder that the system does not let one read; for the help of an Error.
inline constexpr const char* kLetYourselfRead =
    "let yourself read it: `ls -l` shows the permissions of the file and its folder";

/// A regular file. Opening it never waits, whatever the path names: a fifo, a socket, a device, a folder and the files that the
/// kernel makes up (/proc, /sys) are refused. One thread at a time. Errors are of kind data unless said.
class MILLRACE_EXPORT InputFile {
 public:
  /// Throws Error: file-missing, not-a-file, file-unreadable; too-many-files, of kind run, where this process may open no more.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Fills `out` as far as the file goes and moves on; fewer bytes mean the end. Throws file-unreadable.
  std::size_t read(std::span<std::byte> out);
  /// The same from byte `offset` on.
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out);
  /// As it was when the file was opened.
  std::uint64_t bytes() const;
  const std::string& path() const;
  /// Throws file-changed when size or modification time differ from when it was opened.
  void check_unchanged() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// From now on this process, and those that it starts, open an InputFile only when it is one of `places` or lies below one, links
/// resolved; a place that is not there allows nothing. Call it while the process has one thread.
MILLRACE_EXPORT void allow_inputs_below(const std::vector<std::string>& places);
/// Throws Error("outside-folder", data) when `path`, links resolved, is none of `places` and below none.
MILLRACE_EXPORT void require_below(const std::string& path, const std::vector<std::string>& places);

/// What an Error of opening `path` says behind the path, for a sentence that names it already: "Permission denied".
MILLRACE_EXPORT std::string why_not_opened(const Error&, const std::string& path);

}  // namespace millrace
