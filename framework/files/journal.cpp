// A write of a line is not atomic: whoever opens the file next looks where the whole lines end.
#include "journal_scan.hpp"
#include "output_file.hpp"

#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>
#include <millrace/input_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <span>
#include <system_error>

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

using Parse = bool (&)(std::string_view, JournalLine&);

// A line does not know which file it is from.
bool parse_of(const std::string& path, Parse parse, std::string_view text, JournalLine& line) try {
  return parse(text, line);
} catch (const Error& error) {
  throw Error(error.kind(), error.name(), fmt::format("`{}` has {}", path, error.message()), error.help());
}

}  // namespace

JournalExtent read_journal(const std::string& path, const std::function<void(const JournalLine&)>& each) {
  InputFile file(path);
  JournalLine line;
  const auto read_at = [&](std::uint64_t offset, std::span<char> out) {
    return file.read_at(offset, std::as_writable_bytes(out));
  };
  const auto take = [&](std::string_view text) {
    if (!parse_of(path, parse_journal_line, text, line)) return false;
    each(line);
    return true;
  };
  return scan_journal(0, file.bytes(), read_at, take).extent;
}

struct Journal::State {
  explicit State(const std::string& file_path)
      : path(file_path), file(file_path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW) {
    require_own_file();
    const JournalScan there = scan_places();
    found = there.extent;
    if (there.has_bad_line) {
      require_no_lines_behind();
      keep_tail();
    }
    if (found.torn_bytes > 0) file.cut(found.whole_bytes);
    bytes = found.whole_bytes;
    file.sync();  // lines that a process before has not synced: they will not be written again
    sync_folder(folder_of(path));
  }

  void require_own_file() const {
    if (!file.is_regular()) throw output_failure("append to", path, EINVAL);
    if (::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw Error(ErrorKind::output, "journal-in-use", fmt::format("another process writes `{}`", path),
                  "wait until it has ended, or end it");
  }

  JournalScan scan_places() {
    JournalLine line;
    return scan_journal(
        0, file.bytes(), [&](std::uint64_t offset, std::span<char> out) { return file.read_at(offset, out); },
        [&](std::string_view text) {
          const bool is_whole = parse_of(path, parse_journal_place, text, line);
          if (is_whole) note(line);
          return is_whole;
        });
  }

  // A look at a test set, say, is not undone because the line before it cannot be read.
  void require_no_lines_behind() const {
    const auto read_at = [&](std::uint64_t offset, std::span<char> out) { return file.read_at(offset, out); };
    const auto damage = journal_damage(file.bytes(), read_at, found);
    if (damage) throw journal_damaged(path, *damage);
  }

  void note(const JournalLine& line) {
    const auto [entry, is_new] = last.try_emplace(line.kind, line.position);
    if (!is_new) entry->second = std::max(entry->second, line.position);
  }

  // A number that is free is looked for first: a damaged tail may be long, and is copied once.
  void keep_tail() const {
    for (int number = 1;; ++number) {
      const std::string beside = fmt::format("{}.cut-{}", path, number);
      std::error_code unknown;
      if (!fs::exists(beside, unknown) && copy_tail(beside)) return;
    }
  }

  bool copy_tail(const std::string& to) const {
    AtomicFile copy(to);
    std::string piece(kPieceBytes, '\0');
    for (std::uint64_t at = found.whole_bytes; !piece.empty(); at += piece.size()) {
      piece.resize(file.read_at(at, piece));
      copy.write(piece);
    }
    return copy.create();
  }

  void cut_tail() {
    file.cut(bytes);
    is_torn = false;
  }

  void write(const std::string& text) try {
    if (is_torn) cut_tail();
    is_torn = true;  // until all of it is there
    file.write(text);
    is_torn = false;
    bytes += text.size();
  } catch (const Error&) {
    cut_if_possible();
    throw;
  }

  // A disk that has just refused may refuse this too; then the next append cuts, or whoever opens the file.
  void cut_if_possible() noexcept try { cut_tail(); } catch (const Error&) {
  }

  std::string path;
  OutputFile file;
  JournalExtent found;
  std::uint64_t bytes = 0;  ///< of whole lines
  bool is_torn = false;
  std::optional<Error> sync_failure;
  std::map<std::string, JournalPosition, std::less<>> last;
};

Journal::Journal(const std::string& path) : state_(std::make_unique<State>(path)) {}
Journal::~Journal() = default;

bool Journal::append(const JournalLine& line) {
  if (state_->sync_failure) throw Error(*state_->sync_failure);
  const std::optional<JournalPosition> before = last(line.kind);
  if (before && line.position <= *before) return false;
  const std::string text = to_json(line) + '\n';
  if (text.size() > kMaxJournalLineBytes)
    throw Error(ErrorKind::run, "journal-line-long",
                fmt::format("a line of {} bytes for `{}`, which takes lines of up to {}", text.size(), state_->path,
                            kMaxJournalLineBytes));
  state_->write(text);
  state_->note(line);
  return true;
}

void Journal::sync() try {
  if (state_->sync_failure) throw Error(*state_->sync_failure);
  state_->file.sync_data();
} catch (const Error& error) {
  state_->sync_failure = error;
  throw;
}

std::optional<JournalPosition> Journal::last(std::string_view kind) const {
  const auto found = state_->last.find(kind);
  return found == state_->last.end() ? std::nullopt : std::optional(found->second);
}

const JournalExtent& Journal::found() const { return state_->found; }

}  // namespace millrace
