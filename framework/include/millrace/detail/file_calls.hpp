// The system calls by which files of a run are changed, in one place, so that a test can refuse, count or record each, or end the process there.
#pragma once

#include <millrace/detail/export.hpp>

#include <sys/types.h>

#include <cstddef>
#include <ctime>

namespace millrace {

/// Each does what the system call does, and answers as it: -1 and errno. Any thread.
class MILLRACE_EXPORT FileCalls {
 public:
  FileCalls() = default;
  virtual ~FileCalls();
  FileCalls(const FileCalls&) = delete;
  FileCalls& operator=(const FileCalls&) = delete;

  virtual int open(const char* path, int flags, mode_t mode);
  virtual ssize_t write(int file, const void* bytes, std::size_t count);
  virtual int sync(int file);                            ///< fsync, of a file or a folder
  virtual int sync_data(int file);                       ///< fdatasync
  virtual int cut(int file, off_t bytes);                ///< ftruncate
  virtual int link(const char* file, const char* name);  ///< linkat; a symbolic link `file` is followed
  virtual int rename(const char* from, const char* to);  ///< replaces `to`
  virtual int unlink(const char* path);
  virtual int touch(int file, const std::timespec* modified);  ///< futimens; null: now, by the file server's clock
};

/// The system's, or those that a test has put in their place.
MILLRACE_EXPORT FileCalls& file_calls();
/// For tests: from now on `calls` are made, which the caller keeps alive; null gives back the system's.
MILLRACE_EXPORT void use_file_calls(FileCalls* calls);

}  // namespace millrace
