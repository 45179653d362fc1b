// A disk that a power cut may leave without everything that was not brought to it: bytes by the file's sync, names by the folder's.
#pragma once

#include "gated_calls.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::testing {

/// Beside doing what is asked, keeps account of what a power cut now could leave: each name that was made, changed or removed since its folder's
/// last sync may be there or not, alone or with others; bytes since the file's last sync may be there, or only the first half of them, or zeros
/// in their place, or zeros in the place of the first half only.
class RecordedDisk : public GatedCalls {
 public:
  using Disk = std::map<std::string, std::string>;  ///< path -> content

  /// `start` is there already, files and records alike.
  explicit RecordedDisk(const Disk& start) {
    for (const auto& [path, content] : start) durable_[path] = made(content);
    names_ = durable_;
  }

  std::function<void()> after_each_call = [] {};

  std::vector<Disk> possible() const {
    std::vector<Disk> disks;
    for (std::uint32_t kept = 0; kept < 1U << pending_.size(); ++kept) {
      Names names = durable_;
      for (std::size_t i = 0; i < pending_.size(); ++i)
        if ((kept >> i & 1U) != 0) apply(pending_[i], names);
      for (const Loss loss : {Loss::all, Loss::none, Loss::second_half, Loss::zeros, Loss::zeros_in_first_half})
        disks.push_back(left(names, loss));
    }
    return disks;
  }

  int open(const char* path, int flags, mode_t mode) override {
    const int file = GatedCalls::open(path, flags, mode);
    if (file < 0) return file;
    const auto known = names_.find(path);
    if ((flags & O_TMPFILE) == O_TMPFILE)
      opened_[file] = made({});
    else if ((flags & O_DIRECTORY) != 0)
      opened_[file] = kFolder;
    else if (known != names_.end())
      opened_[file] = known->second;
    else
      rename_to(path, opened_[file] = made({}));
    after_each_call();
    return file;
  }
  ssize_t write(int file, const void* bytes, std::size_t count) override {
    const ssize_t written = GatedCalls::write(file, bytes, count);
    if (written > 0) of(file).content.append(static_cast<const char*>(bytes), static_cast<std::size_t>(written));
    after_each_call();
    return written;
  }
  int sync(int file) override {
    if (opened_.at(file) == kFolder) {
      durable_ = names_;
      pending_.clear();
    } else {
      of(file).synced = of(file).content;
    }
    after_each_call();
    return 0;
  }
  int sync_data(int file) override { return sync(file); }
  int cut(int file, off_t bytes) override {
    const int result = GatedCalls::cut(file, bytes);
    of(file).content.resize(static_cast<std::size_t>(bytes));
    after_each_call();
    return result;
  }
  int link(const char* file, const char* name) override {
    const int result = GatedCalls::link(file, name);
    const std::string path(file);
    if (result == 0) rename_to(name, opened_.at(std::stoi(path.substr(path.rfind('/') + 1))));
    after_each_call();
    return result;
  }
  int rename(const char* from, const char* to) override {
    const int result = GatedCalls::rename(from, to);
    if (result == 0) rename_to(to, names_.at(from), from);
    after_each_call();
    return result;
  }
  int unlink(const char* path) override {
    const int result = GatedCalls::unlink(path);
    if (result == 0) rename_to(path, kNone);
    after_each_call();
    return result;
  }

 private:
  static constexpr int kNone = -1, kFolder = -2;
  enum class Loss { all, none, second_half, zeros, zeros_in_first_half };
  using Names = std::map<std::string, int>;                 // path -> file
  using Change = std::vector<std::pair<std::string, int>>;  // one that happens as a whole
  struct File {
    std::string content, synced;
  };

  int made(const std::string& content) {
    files_.push_back({content, content});
    return static_cast<int>(files_.size()) - 1;
  }
  File& of(int descriptor) { return files_.at(static_cast<std::size_t>(opened_.at(descriptor))); }
  static void apply(const Change& change, Names& names) {
    for (const auto& [path, file] : change)
      if (file == kNone)
        names.erase(path);
      else
        names[path] = file;
  }
  // `file` gets the name `path`, and loses the other one if there is one.
  void rename_to(const std::string& path, int file, const std::string& before = {}) {
    Change one;
    one.emplace_back(path, file);
    if (!before.empty()) one.emplace_back(before, kNone);
    apply(one, names_);
    pending_.push_back(std::move(one));
  }
  static std::string left(const File& file, Loss loss) {
    const std::size_t kept = file.synced.size(), whole = file.content.size(), half = kept + (whole - kept) / 2;
    if (loss == Loss::all) return file.synced;
    if (loss == Loss::none || whole <= kept) return file.content;
    if (loss == Loss::second_half) return file.content.substr(0, half);
    const std::size_t lost_up_to = loss == Loss::zeros ? whole : half;
    return file.content.substr(0, kept) + std::string(lost_up_to - kept, '\0') + file.content.substr(lost_up_to);
  }
  Disk left(const Names& names, Loss loss) const {
    Disk disk;
    for (const auto& [path, file] : names) disk[path] = left(files_[static_cast<std::size_t>(file)], loss);
    return disk;
  }

  std::vector<File> files_;
  Names names_, durable_;
  std::vector<Change> pending_;
  std::map<int, int> opened_;  // descriptor -> file
};

}  // namespace millrace::testing
