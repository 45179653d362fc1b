// An open file that is written: whatever the system refuses is an Error that names path and reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

class Error;

/// "cannot DOING `PATH`: REASON" as Error("output-unwritable", output), with the help that fits errno `error`; too-many-files, of kind run,
/// where this process may open no more.
Error output_failure(const std::string& doing, const std::string& path, int error);

/// Owns its descriptor. One thread at a time. Every function throws what output_failure makes; what was asked then may have been done in part.
/// After a failed sync nobody knows what is on the disk: the system tells it once, and a second try would succeed without having written.
class OutputFile {
 public:
  OutputFile() = default;
  /// Owns nothing where the system refuses, and errno says why: for who tries another way. Never waits for what a path names.
  static OutputFile try_open(const std::string& path, int flags);
  OutputFile(const std::string& path, int flags);
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) noexcept;
  ~OutputFile();

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  /// A name of the open file itself, whatever became of the names in its folder.
  std::string link_path() const;
  /// All of `bytes` at the file's end or position; one system call unless the system takes less.
  void write(std::string_view bytes) const;
  void sync() const;
  void sync_data() const;
  void cut(std::uint64_t bytes) const;
  /// Modification time becomes `modified`, or now where that is null.
  void touch(const std::timespec* modified = nullptr) const;
  /// By the clock of whoever keeps the file: seconds since 1970.
  double modified_s() const;
  std::uint64_t bytes() const;
  std::uint64_t names() const;  ///< how many links it has
  bool is_regular() const;
  /// As far as the file goes from byte `offset` on.
  std::size_t read_at(std::uint64_t offset, std::span<char> out) const;

 private:
  OutputFile(const std::string& path, int flags, const std::nothrow_t&);
  [[noreturn]] void fail(const char* doing, int error) const;
  std::string path_;
  int descriptor_ = -1;
};

double seconds(const std::timespec&);
/// The folder of a path as a path that can be opened: "." for a name alone.
std::string folder_of(const std::string& path);
/// Brings names that were made, changed or removed in `folder` to the disk.
void sync_folder(const std::string& folder);

}  // namespace millrace
