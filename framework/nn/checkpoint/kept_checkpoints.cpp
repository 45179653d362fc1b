// A journal may come from anybody, and what it names is read and removed: so a path counts only where it is exactly the one that a run would write.
#include <millrace/files/kept_checkpoints.hpp>

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>
#include <variant>

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr const char *kPath = "path", *kComplete = "complete", *kBatch = "batch", *kRow = "row", *kSha256 = "sha256";

template <class T>
T value_of(const JournalLine& line, const char* name, T otherwise) {
  const auto value = line.values.find(name);
  if (value == line.values.end()) return otherwise;
  const T* const held = std::get_if<T>(&value->second);
  return held != nullptr ? *held : otherwise;
}

// A file, and no link to one or on the way to it.
bool is_there(const std::string& folder, const KeptCheckpoint& kept) {
  fs::path path(folder);
  std::error_code ignored;
  for (const fs::path& part : fs::path(kept.path))
    if (fs::is_symlink(fs::symlink_status(path /= part, ignored))) return false;
  return fs::is_regular_file(path, ignored);
}

}  // namespace

std::uint32_t next_epoch(const CheckpointPosition& position) {
  return position.epoch + (position.is_epoch_complete ? 1 : 0);
}

std::string checkpoint_name(const CheckpointPosition& position) {
  return position.is_epoch_complete
             ? fmt::format("epoch-{:04}.safetensors", position.epoch)
             : fmt::format("epoch-{:04}-batch-{:06}.safetensors", position.epoch, position.batch);
}

// Rows, not batches: of trainers with batches of several sizes the one that has come least far decides, and that is not always the same one.
JournalPosition line_position(const CheckpointPosition& position) {
  return {next_epoch(position), position.is_epoch_complete ? 0 : static_cast<std::int64_t>(position.row)};
}

JournalLine checkpoint_line(std::int64_t attempt, const KeptCheckpoint& kept, const CheckpointFile& file) {
  JournalLine line;
  line.attempt = attempt;
  line.position = line_position(kept.position);
  line.kind = kept.is_restored ? kRestoredLine : kCheckpointLine;
  line.values = {{kPath, kept.path},
                 {kComplete, kept.position.is_epoch_complete},
                 {kBatch, static_cast<std::int64_t>(kept.position.batch)},
                 {kRow, static_cast<std::int64_t>(kept.position.row)},
                 {"bytes", static_cast<std::int64_t>(file.bytes)},
                 {kSha256, file.sha256}};
  return line;
}

JournalLine refused_line(std::int64_t attempt, const KeptCheckpoint& kept) {
  JournalLine line;
  line.attempt = attempt;
  line.position = line_position(kept.position);
  line.kind = kRefusedLine;
  line.values = {{kPath, kept.path}};
  return line;
}

// The line that told of it stays where it was; those behind it are of what is done again.
std::optional<std::string> note_checkpoint(const JournalLine& line, std::vector<KeptCheckpoint>& kept) {
  if (line.kind == kCheckpointLine || line.kind == kRestoredLine) kept.push_back(kept_checkpoint_of(line));
  if (line.kind != kRefusedLine) return {};
  std::string path = value_of<std::string>(line, kPath, "");
  std::erase_if(kept, [&](const KeptCheckpoint& one) { return one.path == path; });
  return path;
}

KeptCheckpoint kept_checkpoint_of(const JournalLine& line) {
  CheckpointPosition at;
  at.is_epoch_complete = value_of<bool>(line, kComplete, false);
  at.epoch = static_cast<std::uint32_t>(line.position.epoch - (at.is_epoch_complete ? 1 : 0));
  at.batch = static_cast<std::uint64_t>(value_of<std::int64_t>(line, kBatch, 0));
  at.row = static_cast<std::uint64_t>(value_of<std::int64_t>(line, kRow, 0));
  return {at, value_of<std::string>(line, kPath, ""), value_of<std::string>(line, kSha256, ""),
          line.kind == kRestoredLine};
}

bool is_own_place(const KeptCheckpoint& kept) {
  const fs::path path(kept.path);
  if (std::distance(path.begin(), path.end()) != 4) return false;
  const std::string attempt = std::next(path.begin())->string();
  const bool is_number = !attempt.empty() && attempt.find_first_not_of("0123456789") == std::string::npos;
  const fs::path own = fs::path(kRunAttempts) / attempt / kRunCheckpoints /
                       (kept.is_restored ? kRestoredFile : checkpoint_name(kept.position));
  return is_number && kept.path == own.string();
}

std::string why_not_stored(const KeptCheckpoint& kept, const std::string& folder) {
  if (!is_own_place(kept)) return fmt::format("`{}` is no place where a run keeps checkpoints", kept.path);
  return is_there(folder, kept) ? "" : fmt::format("{}/{} is not there", folder, kept.path);
}

std::vector<KeptCheckpoint> stored_newest_first(const std::vector<KeptCheckpoint>& kept, const std::string& folder) {
  std::vector<KeptCheckpoint> stored;
  for (auto one = kept.rbegin(); one != kept.rend(); ++one)
    if (is_own_place(*one) && is_there(folder, *one)) stored.push_back(*one);
  return stored;
}

std::vector<KeptCheckpoint> stored_newest_first(const std::string& folder) {
  const std::string journal = (fs::path(folder) / kRunJournal).string();
  std::vector<KeptCheckpoint> kept;
  if (std::error_code ignored; !fs::exists(journal, ignored)) return kept;
  const JournalExtent read = read_journal(journal, [&](const JournalLine& line) { note_checkpoint(line, kept); });
  if (const auto damage = journal_damage(journal, read)) throw journal_damaged(journal, *damage);
  return stored_newest_first(kept, folder);
}

std::optional<KeptCheckpoint> first_usable(const std::vector<KeptCheckpoint>& checkpoints, const std::string& folder,
                                           const std::function<void(const std::string& path)>& read,
                                           std::vector<std::string>& refused) {
  for (const KeptCheckpoint& kept : checkpoints) try {
      read(folder + "/" + kept.path);
      return kept;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      refused.push_back(error.message());
    }
  return {};
}

}  // namespace millrace
