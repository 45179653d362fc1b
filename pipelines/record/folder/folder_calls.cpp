// Opening, renaming and syncing go through FileCalls, so that a test can refuse them; mkdir and symlink change no file.
#include "folder_calls.hpp"

#include "record_failure.hpp"

#include <millrace/detail/file_calls.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::pipelines {
namespace {

constexpr mode_t kFolderMode = 0777, kFileMode = 0666;  // less what the user's umask takes

/// Owns a descriptor.
class Opened {
 public:
  Opened(const std::string& path, int flags) : descriptor_(open_again(path, flags | O_CLOEXEC)) {
    if (descriptor_ < 0) throw unwritable_record("open", path, errno);
  }
  ~Opened() { ::close(descriptor_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  static int open_again(const std::string& path, int flags) {
    int descriptor = -1;
    do descriptor = file_calls().open(path.c_str(), flags, kFileMode);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
  }

  int descriptor_;
};

}  // namespace

bool make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), kFolderMode) == 0) return true;
  if (errno != EEXIST) throw unwritable_record("make", path, errno);
  return false;
}

void make_file(const std::string& path) { const Opened file(path, O_WRONLY | O_CREAT | O_NOFOLLOW); }

// A process that was killed in here may have left its spare name, and no other has that.
void set_link(const std::string& target, const std::string& path, const std::string& spare) {
  ::unlink(spare.c_str());
  if (::symlink(target.c_str(), spare.c_str()) != 0) throw unwritable_record("make the link", spare, errno);
  if (file_calls().rename(spare.c_str(), path.c_str()) == 0) return;
  const int error = errno;
  ::unlink(spare.c_str());
  throw unwritable_record("set the link", path, error);
}

void sync_names(const std::string& folder) {
  const Opened opened(folder, O_RDONLY | O_DIRECTORY);
  if (file_calls().sync(opened.descriptor()) != 0 && errno != EINVAL)
    throw unwritable_record("bring to the disk", folder, errno);
}

}  // namespace millrace::pipelines
