// By one system call a text, so that nothing waits in a buffer when the process is killed.
#include "log_file.hpp"

#include "record/folder/record_failure.hpp"

#include <millrace/detail/file_calls.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::pipelines {
namespace {

constexpr mode_t kMode = 0666;  // less what the user's umask takes

}  // namespace

LogFile::LogFile(const std::string& path)
    : path_(path), descriptor_(file_calls().open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode)) {
  if (descriptor_ < 0) throw unwritable_record("open", path_, errno);
}

LogFile::~LogFile() { ::close(descriptor_); }

void LogFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = file_calls().write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw unwritable_record("write", path_, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace millrace::pipelines
