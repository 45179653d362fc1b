// A power cut after any call leaves the old or the new file and whole lines, and never loses what was acknowledged; a disk that is recorded shows it.
#include "catch.hpp"
#include "error_of.hpp"
#include "recorded_disk.hpp"
#include "temp_folder.hpp"

#include <millrace/files/atomic_file.hpp>
#include <millrace/files/claim.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

using namespace millrace;
using namespace millrace::testing;

namespace {

const std::string kOld = "the old one", kNew = "the new one, which is longer";

/// What the file `path` may hold after a power cut now; "(none)" where it may not be there.
std::set<std::string> possible_contents(const RecordedDisk& disk, const std::string& path) {
  std::set<std::string> contents;
  for (const RecordedDisk::Disk& left : disk.possible())
    contents.insert(left.count(path) == 0 ? "(none)" : left.at(path));
  return contents;
}

/// What may be there after any call that `work` makes, and after it.
struct Outcomes {
  std::set<std::string> meanwhile, at_the_end;
};

Outcomes outcomes_of(const RecordedDisk::Disk& start, const std::string& path, bool knows_nameless,
                     const std::function<void()>& work) {
  Outcomes outcomes;
  RecordedDisk disk(start);
  disk.knows_nameless = knows_nameless;
  disk.after_each_call = [&] { outcomes.meanwhile.merge(possible_contents(disk, path)); };
  work();
  outcomes.at_the_end = possible_contents(disk, path);
  return outcomes;
}

JournalLine line_at(std::int64_t batch) { return {1, {1, batch}, "train", {{"loss", 0.25}}}; }

std::string text_of(std::int64_t lines) {
  std::string text;
  for (std::int64_t batch = 1; batch <= lines; ++batch) text += to_json(line_at(batch)) + '\n';
  return text;
}

/// How many lines a journal of this content has; they must be the first ones.
std::int64_t lines_of(const TempFolder& folder, const std::string& content) {
  std::int64_t lines = 0;
  read_journal(folder.file("left.jsonl", content), [&](const JournalLine& line) {
    ++lines;
    CHECK(line.position.batch == lines);
  });
  return lines;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream found;
  found << file.rdbuf();
  return found.str();
}

/// A process that goes on after the power cut has each line there once. Where the disk has kept a later part and lost one before it, nobody goes on with
/// that file, and it is left as it is.
void check_going_on(const TempFolder& folder, const std::string& content) {
  const std::string path = folder.file("left.jsonl", content);
  const GatedCalls calls;
  const JournalExtent read = read_journal(path, [](const JournalLine&) {});
  if (journal_damage(path, read)) {
    CHECK(error_of([&] { Journal journal(path); }).name() == "journal-damaged");
    CHECK(content_of(path) == content);
    return;
  }
  Journal journal(path);
  for (std::int64_t batch = 1; batch <= 6; ++batch) journal.append(line_at(batch));
  CHECK(content_of(path) == text_of(6));
}

}  // namespace

TEST_CASE("After a power cut the old or the new file is there, and the new one once it was acknowledged") {
  const TempFolder folder;
  const bool knows_nameless = GENERATE(true, false);
  const std::string path = folder.file("report", kOld);
  const Outcomes outcomes = outcomes_of({{path, kOld}}, path, knows_nameless, [&] { write_atomically(path, kNew); });
  CHECK(outcomes.meanwhile == std::set<std::string>{kOld, kNew});
  CHECK(outcomes.at_the_end == std::set<std::string>{kNew});
}

TEST_CASE("After a power cut a file that is made once is there whole or not at all") {
  const TempFolder folder;
  const bool knows_nameless = GENERATE(true, false);
  const std::string path = folder.path() + "/done";
  const Outcomes outcomes = outcomes_of({}, path, knows_nameless, [&] {
    AtomicFile file(path);
    file.write(kNew);
    CHECK(file.create());
  });
  CHECK(outcomes.meanwhile == std::set<std::string>{"(none)", kNew});
  CHECK(outcomes.at_the_end == std::set<std::string>{kNew});
}

TEST_CASE("After a power cut an attempt and a commit that were told are there") {
  const TempFolder folder;
  std::optional<Claim> claim;
  const Outcomes attempt =
      outcomes_of({}, folder.path() + "/1", true, [&] { claim = Claim::take(folder.path(), std::chrono::hours(1)); });
  CHECK(attempt.meanwhile.size() == 2);
  CHECK(attempt.at_the_end.size() == 1);
  CHECK(attempt.at_the_end.count("(none)") == 0);
  const std::string path = folder.path() + "/done";
  const RecordedDisk::Disk start{{folder.path() + "/1", *attempt.at_the_end.begin()}};
  const Outcomes commit = outcomes_of(start, path, true, [&] { CHECK(claim->commit(path, kNew)); });
  CHECK(commit.meanwhile == std::set<std::string>{"(none)", kNew});
  CHECK(commit.at_the_end == std::set<std::string>{kNew});
}

TEST_CASE("After a power cut a journal has all lines up to the last sync, and goes on with each once") {
  const TempFolder folder, after;
  const std::string torn = text_of(2) + "{\"v\":1,\"att";
  const std::string path = folder.file("metrics.jsonl", torn);
  std::set<std::string> all;
  std::set<std::pair<std::string, std::int64_t>> seen;
  std::int64_t acknowledged = 2;
  {
    RecordedDisk disk(RecordedDisk::Disk{{path, torn}});
    disk.after_each_call = [&] {
      for (const std::string& content : possible_contents(disk, path))
        if (seen.emplace(content, acknowledged).second) CHECK(lines_of(after, content) >= acknowledged);
      all.merge(possible_contents(disk, path));
    };
    Journal journal(path);
    for (std::int64_t batch = 3; batch <= 6; ++batch) {
      journal.append(line_at(batch));
      if (batch == 4) journal.sync();
      if (batch == 4) acknowledged = 4;
    }
    journal.sync();
    CHECK(possible_contents(disk, path) == std::set<std::string>{text_of(6)});
  }
  CHECK(all.size() > 10);
  for (const std::string& content : all) check_going_on(after, content);
}

TEST_CASE("A journal that was opened has brought to the disk what it will not write again") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  RecordedDisk disk{RecordedDisk::Disk()};
  {
    Journal journal(path);
    journal.append(line_at(1));
  }
  CHECK(possible_contents(disk, path).size() > 1);
  Journal journal(path);
  CHECK_FALSE(journal.append(line_at(1)));
  CHECK(possible_contents(disk, path) == std::set<std::string>{text_of(1)});
}

// What the recorded disk is worth.
TEST_CASE("A file that is renamed before its bytes are on the disk is found out, and so is a name that is not") {
  const TempFolder folder;
  const std::string path = folder.file("report", kOld), beside = folder.path() + "/beside";
  const bool syncs_file = GENERATE(true, false);
  const Outcomes outcomes = outcomes_of({{path, kOld}}, path, true, [&] {
    const int file = file_calls().open(beside.c_str(), O_WRONLY | O_CREAT, 0600);
    CHECK(file_calls().write(file, kNew.data(), kNew.size()) == static_cast<ssize_t>(kNew.size()));
    if (syncs_file) file_calls().sync(file);
    ::close(file);
    file_calls().rename(beside.c_str(), path.c_str());
  });
  CHECK(outcomes.at_the_end.count(kOld) == 1);  // the name may be lost: its folder was not synced
  CHECK((outcomes.meanwhile == std::set<std::string>{kOld, kNew}) == syncs_file);
}
