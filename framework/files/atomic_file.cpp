// O_TMPFILE where the file system knows it; elsewhere a hidden name under a lock.
#include "output_file.hpp"

#include <millrace/detail/file_calls.hpp>
#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStart = ".millrace-", kEnd = ".part", kDigits = "0123456789abcdef";
constexpr std::size_t kRandomBytes = 16;
constexpr int kMostTries = 100;  // at a name that is free; each has 128 random bits

std::string temporary_name(const std::string& folder) {
  std::array<unsigned char, kRandomBytes> random{};
  if (::getentropy(random.data(), random.size()) != 0) throw output_failure("draw a name in", folder, errno);
  std::string name(kStart);
  for (const unsigned char byte : random) name += fmt::format("{:02x}", byte);
  return (fs::path(folder) / name.append(kEnd)).string();
}

bool is_temporary_name(std::string_view name) {
  if (name.size() != kStart.size() + 2 * kRandomBytes + kEnd.size()) return false;
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return false;
  const std::string_view digits = name.substr(kStart.size(), 2 * kRandomBytes);
  return std::all_of(digits.begin(), digits.end(), [](char c) { return kDigits.find(c) != std::string_view::npos; });
}

// False when another process has it. Where locks are not known nobody can see that a temporary is in use, so nobody removes it.
bool lock(const OutputFile& file) { return ::flock(file.descriptor(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

bool knows_no_nameless_files(int error) { return error == EOPNOTSUPP || error == EISDIR || error == EINVAL; }

// A rename would take the place of a device, or of a pipe that somebody reads, and not write into it.
void require_file_or_nothing(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0 || S_ISREG(facts.st_mode)) return;
  if (S_ISDIR(facts.st_mode)) throw output_failure("replace", path, EISDIR);
  throw Error(ErrorKind::output, "output-not-a-file",
              fmt::format("`{}` is a device or a pipe, which no file can replace", path),
              "name a file; what is written to standard output can be piped");
}

}  // namespace

struct AtomicFile::State {
  explicit State(const std::string& final_path) : path(final_path), folder(folder_of(final_path)) {
    if (path.find('\0') != std::string::npos)
      throw output_failure("make", path, EINVAL);  // the system would read less of it
    require_file_or_nothing(path);
    file = OutputFile::try_open(folder, O_TMPFILE | O_RDWR);
    if (!file.is_open() && !knows_no_nameless_files(errno)) throw output_failure("make a file in", folder, errno);
    if (file.is_open())
      lock(file);  // before it has a name, so that nobody else can have done it
    else
      open_named();
  }
  ~State() {
    if (!name.empty()) file_calls().unlink(name.c_str());
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Whoever looks for leftovers may come between the name and the lock: then another name is taken.
  void open_named() {
    for (int tries = 0; tries < kMostTries; ++tries) {
      const std::string free_name = temporary_name(folder);
      file = OutputFile::try_open(free_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
      if (!file.is_open() && errno != EEXIST) throw output_failure("make a file in", folder, errno);
      if (!file.is_open() || !lock(file) || file.names() == 0) continue;
      name = free_name;
      return;
    }
    throw output_failure("make a file in", folder, EEXIST);
  }

  void begin_to_publish() {
    sync();
    is_spent = true;
  }

  // Never again after a failure: the system tells of lost bytes once.
  void sync() {
    if (is_spent) throw output_failure("write", path, ECANCELED);
    if (is_synced) return;
    is_spent = true;
    file.sync();
    is_spent = false;
    is_synced = true;
  }

  // True also where the answer to a link that was made has got lost and the client of a file server has asked again.
  bool link_as(const std::string& new_name) const {
    const std::uint64_t before = file.names();
    if (file_calls().link(file.link_path().c_str(), new_name.c_str()) == 0) return true;
    const int error = errno;
    if (error != EEXIST) throw output_failure("make", path, error);
    return file.names() > before;
  }

  // A link replaces nothing, so that the file gets a name beside the one that is there.
  void name_beside() {
    for (int tries = 0; name.empty() && tries < kMostTries; ++tries)
      if (std::string beside = temporary_name(folder); link_as(beside)) name = beside;
    if (name.empty()) throw output_failure("make a file in", folder, EEXIST);
  }

  std::string path, folder;
  std::string name;  ///< a temporary one; empty while there is none
  OutputFile file;
  bool is_synced = false;
  bool is_spent = false;  ///< published, or not to be published any more
};

AtomicFile::AtomicFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
AtomicFile::~AtomicFile() = default;

int AtomicFile::descriptor() const { return state_->file.descriptor(); }
std::string AtomicFile::readable_path() const { return state_->file.link_path(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as the characters that they are
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::write(std::string_view bytes) {
  const bool was_spent = std::exchange(state_->is_spent, true);  // while a piece may be missing
  state_->file.write(bytes);
  state_->is_spent = was_spent;
  state_->is_synced = false;
}

void AtomicFile::sync() { state_->sync(); }

void AtomicFile::replace() {
  state_->begin_to_publish();
  if (state_->name.empty()) state_->name_beside();
  if (file_calls().rename(state_->name.c_str(), state_->path.c_str()) != 0)
    throw output_failure("replace", state_->path, errno);
  state_->name.clear();
  sync_folder(state_->folder);
}

bool AtomicFile::create() {
  state_->begin_to_publish();
  if (!state_->link_as(state_->path)) return false;
  if (!state_->name.empty() && file_calls().unlink(state_->name.c_str()) == 0) state_->name.clear();
  sync_folder(state_->folder);
  return true;
}

void write_atomically(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.replace();
}

std::int64_t remove_leftovers(const std::string& folder) {
  std::int64_t removed = 0;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    if (!is_temporary_name(entry->path().filename().string())) continue;
    const std::string path = entry->path().string();
    const OutputFile left = OutputFile::try_open(path, O_RDWR | O_NOFOLLOW);
    struct stat facts {};
    const bool is_ours = left.is_open() && ::fstat(left.descriptor(), &facts) == 0 && S_ISREG(facts.st_mode) &&
                         facts.st_uid == ::geteuid();
    if (is_ours && ::flock(left.descriptor(), LOCK_EX | LOCK_NB) == 0 && file_calls().unlink(path.c_str()) == 0)
      ++removed;
  }
  return removed;
}

}  // namespace millrace
