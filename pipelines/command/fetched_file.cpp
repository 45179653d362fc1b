// O_TMPFILE where the file system knows it; elsewhere a hidden name under a lock.
#include "fetched_file.hpp"

#include <millrace/byte_reader.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace millrace::pipelines {

namespace fs = std::filesystem;

std::string content_problem(const std::string& path, const DatasetFile& file) try {
  ByteReader reader(path);
  Sha256 digest;
  std::vector<std::byte> buffer(std::size_t{1} << 18U);
  for (std::size_t bytes = buffer.size(); bytes == buffer.size();) {
    bytes = reader.read(buffer);
    digest.update({buffer.data(), bytes});
    if (reader.position() > file.bytes) return fmt::format("it unpacks to more than {} bytes", file.bytes);
  }
  if (reader.position() != file.bytes)
    return fmt::format("it unpacks to {} bytes, not {}", reader.position(), file.bytes);
  reader.at_end();  // checks gzip's own checksum and what follows it
  const std::string found = digest.finish();
  return found == file.sha256 ? "" : fmt::format("its content has SHA-256 {}, not {}", found, file.sha256);
} catch (const Error& error) {
  return error.message();
}

TemporaryFile::TemporaryFile(const std::string& folder, const std::string& name)
    : folder_(folder),
      final_path_((fs::path(folder) / name).string()),
      pattern_((fs::path(folder) / ("." + name + ".XXXXXX")).string()) {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) fail("make the folder", failed.value());
  sweep();
  descriptor_ = open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ < 0) open_named();
}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) unlink(name_.c_str());
  close(descriptor_);
}

// Old kernels and some file systems know no file without a name. The lock tells others that it is in use.
void TemporaryFile::open_named() {
  struct stat facts {};
  do {  // again where another one has swept it in between
    if (descriptor_ >= 0) close(descriptor_);
    name_ = pattern_;
    descriptor_ = mkostemp(name_.data(), O_CLOEXEC);
    if (descriptor_ < 0) {
      name_.clear();
      fail("make a file in", errno);
    }
    flock(descriptor_, LOCK_EX | LOCK_NB);
  } while (fstat(descriptor_, &facts) == 0 && facts.st_nlink == 0);
}

// Leftovers of this name that are ours and that nobody has locked.
void TemporaryFile::sweep() const {
  const std::string stem = fs::path(pattern_).filename().string(), start = stem.substr(0, stem.size() - 6);
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    const std::string name = entry.path().filename().string();
    if (name.size() != stem.size() || !name.starts_with(start)) continue;
    const int left = open(entry.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat facts {};
    const bool is_ours = left >= 0 && fstat(left, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid();
    if (is_ours && flock(left, LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
    if (left >= 0) close(left);
  }
}

std::string TemporaryFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

void TemporaryFile::publish() {
  // It was made with 0600; a data set is for everybody whom the folder lets in.
  if (fchmod(descriptor_, 0644) != 0 || fsync(descriptor_) != 0) fail("write a file in", errno);
  const bool named =
      name_.empty() && linkat(AT_FDCWD, path().c_str(), AT_FDCWD, final_path_.c_str(), AT_SYMLINK_FOLLOW) == 0;
  if (!named) replace();
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

// A link replaces nothing, so the file gets a name beside the one that is there.
void TemporaryFile::replace() {
  if (name_.empty()) {
    std::string beside = pattern_;
    const int reserved = mkostemp(beside.data(), O_CLOEXEC);
    if (reserved < 0) fail("make a file in", errno);
    close(reserved);
    unlink(beside.c_str());
    if (linkat(AT_FDCWD, path().c_str(), AT_FDCWD, beside.c_str(), AT_SYMLINK_FOLLOW) != 0)
      fail("name a file in", errno);
    name_ = beside;
  }
  if (rename(name_.c_str(), final_path_.c_str()) != 0) fail("rename a file in", errno);
  name_.clear();
}

void TemporaryFile::fail(const char* what, int error) const {
  throw Error(ErrorKind::output, "output-unwritable",
              fmt::format("cannot {} `{}`: {}", what, folder_, std::generic_category().message(error)),
              "make room, or choose a folder in which you may write: with --to, or with MILLRACE_DATA_DIR");
}

}  // namespace millrace::pipelines
