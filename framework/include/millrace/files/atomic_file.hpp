// A file that is there whole or not at all, whenever the process is killed, the disk is full or the power fails: checkpoints, reports, configs.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

/// A file beside its final place, in the same folder, which must be there. Its bytes are brought to the disk, then it gets its name, then the
/// name is brought to the disk. Where the system can do that it has no name until then, so that nothing is left whatever ends the process;
/// elsewhere, and for a moment before it replaces another, it has one that nobody can guess (see remove_leftovers). One thread at a time.
///
/// Throws Error("output-unwritable", output) with path and reason; too-many-files, of kind run, where this process may open no more. From then
/// on it cannot be published: a second try is a new AtomicFile. The file that had the name stays whole, and no temporary stays behind. Only
/// when bringing the *name* to the disk fails, which is last, the new file is there already.
class MILLRACE_EXPORT AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  /// What was not published is gone.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes);
  /// For who writes by other means, before sync(). Whoever fails there does not publish.
  int descriptor() const;
  /// To read what was written, as long as this lives.
  std::string readable_path() const;
  /// Brings the bytes to the disk now, so that publishing takes little time.
  void sync();

  /// Publishes it: takes the place of the file of that name, if there is one. A symbolic link of that name is replaced, not followed.
  void replace();
  /// Publishes it where nothing has that name yet, by link(2): of all processes that try, on any machine, one gets true. False changes nothing.
  [[nodiscard]] bool create();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// AtomicFile with this content, in place of the file of that name.
MILLRACE_EXPORT void write_atomically(const std::string& path, std::string_view content);

/// Removes from `folder` the temporaries of processes that were killed, and returns how many: regular files of this user, named as an AtomicFile
/// names them (".millrace-", 32 hexadecimal digits, ".part"), that no living process has locked. What cannot be removed stays. For whoever owns the folder, when it begins.
MILLRACE_EXPORT std::int64_t remove_leftovers(const std::string& folder);

}  // namespace millrace
