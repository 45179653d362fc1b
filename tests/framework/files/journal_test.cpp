// A journal reads as a prefix of whole lines after whatever happened, and whoever goes on with it writes each line once.
#include "catch.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "temp_folder.hpp"

#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <algorithm>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

JournalLine line_at(std::int64_t epoch, std::int64_t batch, const std::string& kind = "train") {
  return {1, {epoch, batch}, kind, {{"loss", 1.0 / static_cast<double>(batch + 1)}}};
}

std::vector<JournalLine> five_lines() {
  std::vector<JournalLine> lines;
  for (int batch = 1; batch <= 5; ++batch) lines.push_back(line_at(1, batch));
  return lines;
}

std::string text_of(const std::vector<JournalLine>& lines) {
  std::string text;
  for (const JournalLine& line : lines) text += to_json(line) + '\n';
  return text;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

struct Found {
  JournalExtent extent;
  std::vector<std::string> lines;
};

Found found_in(const std::string& path) {
  Found found;
  found.extent = read_journal(path, [&](const JournalLine& line) { found.lines.push_back(to_json(line)); });
  return found;
}

/// What a process does that has these five lines to write, whatever another one has written before.
void write_five(const std::string& path) {
  Journal journal(path);
  for (const JournalLine& line : five_lines()) journal.append(line);
  journal.sync();
}

void check_five(const std::string& path) { CHECK(content_of(path) == text_of(five_lines())); }

/// Whole lines are the first ones of five; a tail may follow.
void check_prefix(const std::string& path, std::size_t at_least) {
  const Found found = found_in(path);
  CHECK(found.lines.size() >= at_least);
  for (std::size_t i = 0; i < found.lines.size(); ++i) CHECK(found.lines[i] == to_json(five_lines().at(i)));
}

const std::string kTwo = text_of({line_at(1, 1), line_at(1, 2)});
const std::string kTorn = kTwo + to_json(line_at(1, 3)).substr(0, 20);
const std::string kLost = kTwo + std::string(30, '\0') + "\n" + to_json(line_at(1, 4)).substr(0, 30) + "\n";

}  // namespace

TEST_CASE("Lines come back in their order") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  write_five(path);
  check_five(path);
  const Found found = found_in(path);
  CHECK(found.lines.size() == 5);
  CHECK(found.extent.lines == 5);
  CHECK(found.extent.torn_bytes == 0);
  CHECK(found.extent.whole_bytes == fs::file_size(path));
}

TEST_CASE("A line whose kind has got to its position is not written again, by this process or the next") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  const GatedCalls calls;
  {
    Journal journal(path);
    CHECK_FALSE(journal.last("train").has_value());
    CHECK(journal.append(line_at(1, 7)));
    CHECK_FALSE(journal.append(line_at(1, 7)));
    CHECK_FALSE(journal.append(line_at(0, 9)));
    CHECK(journal.append(line_at(1, 7, "valid")));
    CHECK(journal.append(line_at(2, 1)));
  }
  Journal journal(path);
  CHECK(journal.found().lines == 3);
  CHECK(journal.last("train") == JournalPosition{2, 1});
  CHECK(journal.last("valid") == JournalPosition{1, 7});
  CHECK_FALSE(journal.append(line_at(2, 1)));
  CHECK(journal.append(line_at(1, 8, "valid")));
  CHECK(journal.append(line_at(2, 2)));
  CHECK(found_in(path).lines.size() == 5);
}

TEST_CASE("A journal has one writer at a time") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  {
    const Journal journal(path);
    const Error error = error_of([&] { Journal second(path); });
    CHECK(error.name() == "journal-in-use");
    CHECK(error.kind() == ErrorKind::output);
    CHECK_THAT(error.message(), ContainsSubstring(path));
    CHECK(status_of_fork(
              [&] { ::_exit(error_of([&] { Journal second(path); }).name() == "journal-in-use" ? 1 : 0); }) == 1);
    CHECK(found_in(path).lines.empty());
  }
  CHECK_NOTHROW(Journal(path));
}

TEST_CASE("What is no regular file and what cannot be opened is refused") {
  const TempFolder folder;
  CHECK(error_of([&] { Journal journal(folder.path()); }).name() == "output-unwritable");
  CHECK(error_of([&] { Journal journal(folder.path() + "/none/metrics.jsonl"); }).name() == "output-unwritable");
  fs::create_symlink(folder.file("other", ""), folder.path() + "/link");
  CHECK(error_of([&] { Journal journal(folder.path() + "/link"); }).name() == "output-unwritable");
  CHECK(error_of([&] { Journal journal("/dev/null"); }).name() == "output-unwritable");
  CHECK(error_of([&] { found_in(folder.path() + "/none"); }).name() == "file-missing");
}

TEST_CASE("A journal that was cut anywhere is its whole lines, and goes on behind them") {
  const TempFolder folder;
  const std::string whole = text_of(five_lines());
  const GatedCalls calls;
  for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    const std::string path = folder.file("metrics.jsonl", whole.substr(0, bytes));
    const auto lines = std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes), '\n');
    const JournalExtent extent = found_in(path).extent;
    REQUIRE(extent.lines == lines);
    REQUIRE(extent.whole_bytes + extent.torn_bytes == bytes);
    write_five(path);
    REQUIRE(content_of(path) == whole);
  }
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) ==
        1);  // a part of a line is not kept beside
}

TEST_CASE("A flipped byte costs no line before it") {
  const TempFolder folder;
  const std::string whole = text_of(five_lines());
  for (std::size_t at = 0; at < whole.size(); at += is_full_test() ? 1 : 7) {
    const auto before = std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x11);
    try {
      REQUIRE(found_in(folder.file("metrics.jsonl", changed)).extent.lines >= before);
    } catch (const Error& error) {
      REQUIRE(error.name() == "journal-version");
    }
  }
}

TEST_CASE("Bad lines with no whole one behind them are cut, and kept beside") {
  const TempFolder folder;
  const std::string path = folder.file("metrics.jsonl", kLost);
  const GatedCalls calls;
  const Found found = found_in(path);
  CHECK(found.lines.size() == 2);
  CHECK_FALSE(journal_damage(path, found.extent).has_value());
  CHECK(Journal(path).found().torn_bytes == kLost.size() - kTwo.size());
  CHECK(content_of(path) == kTwo);
  CHECK(content_of(path + ".cut-1") == kLost.substr(kTwo.size()));
  folder.file("metrics.jsonl", kLost);
  write_five(path);
  check_five(path);
  CHECK(content_of(path + ".cut-2") == kLost.substr(kTwo.size()));
}

TEST_CASE("A bad line with whole ones behind it is damage: it is told, and nothing is cut off") {
  const TempFolder folder;
  const GatedCalls calls;
  const std::string last = to_json(line_at(1, 5)) + "\n", bad = GENERATE("x", "{\"v\":1}", "long");
  const std::string content = kTwo + (bad == "long" ? std::string(3 * kMaxJournalLineBytes, 'x') : bad) + "\n" +
                              to_json(line_at(1, 4)) + "\n" + last;
  for (const std::string& tail : {std::string(), std::string("{\"v\":1,\"att"), std::string("y\n")}) {
    const std::string path = folder.file("metrics.jsonl", content + tail);
    std::vector<std::string> behind;
    const auto damage =
        journal_damage(path, found_in(path).extent, [&](const JournalLine& line) { behind.push_back(to_json(line)); });
    REQUIRE(damage.has_value());
    CHECK((damage->line == 3 && damage->whole_behind == 2));
    CHECK(behind == std::vector<std::string>{to_json(line_at(1, 4)), to_json(line_at(1, 5))});
    const Error error = error_of([&] { Journal journal(path); });
    CHECK(error.name() == "journal-damaged");
    CHECK(error.kind() == ErrorKind::data);
    CHECK_THAT(error.message(),
               ContainsSubstring(path) && ContainsSubstring("line 3 is none, and 2 whole lines stand"));
    CHECK_THAT(error.help(), ContainsSubstring("mend line 3"));
    CHECK(content_of(path) == content + tail);
    CHECK_FALSE(fs::exists(path + ".cut-1"));
  }
}

TEST_CASE("A line that was being written while the journal was read is no damage") {
  const TempFolder folder;
  const JournalExtent read = found_in(folder.file("metrics.jsonl", kTorn)).extent;
  CHECK(read.torn_bytes == 20);
  CHECK_FALSE(journal_damage(folder.file("metrics.jsonl", text_of(five_lines())), read).has_value());
}

TEST_CASE("A journal of another version is left as it is") {
  const TempFolder folder;
  const std::string other = kTwo + "{\"v\":2,\"x\":1}\n", path = folder.file("metrics.jsonl", other);
  for (const Error& error : {error_of([&] { Journal journal(path); }), error_of([&] { found_in(path); })}) {
    CHECK(error.name() == "journal-version");
    CHECK_THAT(error.message(), ContainsSubstring(path));
  }
  CHECK(content_of(path) == other);
}

TEST_CASE("A line has a greatest length, of which one is read and one more is not written") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  const GatedCalls calls;
  JournalLine line = line_at(1, 1);
  line.values["text"] = std::string();
  const std::size_t around = to_json(line).size() + 1;
  line.values["text"] = std::string(kMaxJournalLineBytes - around + 1, 'x');
  Journal journal(path);
  const Error error = error_of([&] { journal.append(line); });
  CHECK(error.name() == "journal-line-long");
  line.values["text"] = std::string(kMaxJournalLineBytes - around, 'x');
  CHECK(journal.append(line));
  CHECK(journal.append(line_at(1, 2)));
  CHECK(found_in(path).lines.size() == 2);
  folder.file("long.jsonl", kTwo + std::string(3 * kMaxJournalLineBytes, 'x'));
  CHECK(found_in(folder.path() + "/long.jsonl").lines.size() == 2);
  CHECK(Journal(folder.path() + "/long.jsonl").found().torn_bytes == 3 * kMaxJournalLineBytes);
}

TEST_CASE("Many lines are read across the pieces in which a file is read") {
  const TempFolder folder;
  std::string text;
  for (int batch = 1; batch <= 20'000; ++batch) text += to_json(line_at(1, batch)) + '\n';
  const std::string path = folder.file("metrics.jsonl", text);
  CHECK(found_in(path).extent.lines == 20'000);
  const Journal journal(path);
  CHECK(journal.found().whole_bytes == text.size());
  CHECK(journal.last("train") == JournalPosition{1, 20'000});
}

TEST_CASE("A line that could not be written is cut off, at once or before the next one") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  const bool can_cut = GENERATE(true, false);
  int refused = 0;
  GatedCalls calls([&](std::string_view call, int) {
    const bool fails = (call == "write" && refused == 1) || (call == "cut" && refused == 2 && !can_cut);
    if (fails) ++refused;
    return fails ? ENOSPC : kPass;
  });
  calls.writes_half = true;
  Journal journal(path);
  journal.append(line_at(1, 1));
  refused = 1;
  const Error error = error_of([&] { journal.append(line_at(1, 2)); });
  CHECK(error.name() == "output-unwritable");
  CHECK(found_in(path).extent.torn_bytes == (can_cut ? 0U : (to_json(line_at(1, 2)).size() + 1) / 2));
  CHECK(journal.append(line_at(1, 2)));
  for (const JournalLine& line : five_lines()) journal.append(line);
  check_five(path);
}

TEST_CASE("A journal that could not be brought to the disk is of no more use") {
  const TempFolder folder;
  const std::string path = folder.path() + "/metrics.jsonl";
  int syncs = 0;
  GatedCalls calls([&](std::string_view call, int) { return call == "sync_data" && ++syncs == 2 ? EIO : kPass; });
  Journal journal(path);
  journal.append(line_at(1, 1));
  journal.sync();
  journal.append(line_at(1, 2));
  const Error error = error_of([&] { journal.sync(); });
  CHECK(error.name() == "output-unwritable");
  CHECK_THAT(error.message(), ContainsSubstring(std::generic_category().message(EIO)));
  CHECK(error_of([&] { journal.sync(); }).message() == error.message());
  CHECK(error_of([&] { journal.append(line_at(1, 3)); }).message() == error.message());
  CHECK(syncs == 2);
  CHECK(found_in(path).lines.size() == 2);
}

TEST_CASE("Whatever fails, a journal is a prefix of its lines with those that it took, and goes on") {
  const Circumstances circumstances = kAllCircumstances[GENERATE(0, 1, 2, 3)];
  const bool stays = GENERATE(true, false);
  const std::string start = GENERATE(0, 1) == 0 ? kTorn : kLost;
  std::vector<int> errors{ENOSPC, EIO};
  if (is_full_test()) errors.insert(errors.end(), {EDQUOT, EROFS, EACCES, EMFILE, ESTALE});
  const TempFolder folder;
  for (const int error : errors) {
    int failed = 0;
    bool is_reached = true;
    for (int first = 1; is_reached; ++first) {
      is_reached = false;
      const std::string path = folder.file("metrics.jsonl", start);
      std::size_t taken = 2;
      try {
        GatedCalls calls([&](std::string_view, int number) {
          is_reached |= number == first;
          return number == first || (stays && number > first) ? error : kPass;
        });
        circumstances.apply_to(calls);
        Journal journal(path);
        for (std::size_t i = 2; i < 5; ++i) {
          journal.append(five_lines()[i]);
          taken = i + 1;
        }
        journal.sync();
      } catch (const Error& told) {
        ++failed;
        CHECK(told.name() == (error == EMFILE ? "too-many-files" : "output-unwritable"));
        CHECK_THAT(told.message(), ContainsSubstring(folder.path()));
        CHECK_THAT(told.message(), ContainsSubstring(std::generic_category().message(error)));
      }
      check_prefix(path, taken);
      const GatedCalls calls;
      write_five(path);
      check_five(path);
    }
    CHECK(failed >= 8);
  }
}

TEST_CASE("Wherever the process ends, a journal is a prefix of its lines, and the next process writes the rest once") {
  const Circumstances circumstances = kAllCircumstances[GENERATE(0, 1, 2, 3)];
  const std::string start = GENERATE(0, 1) == 0 ? kTorn : kLost;
  const TempFolder folder;
  const std::string path = folder.file("metrics.jsonl", start);
  const int killed = kill_at_each_call(
      circumstances, [&] { write_five(path); },
      [&] {
        check_prefix(path, 2);
        const GatedCalls calls;
        write_five(path);
        check_five(path);
        folder.file("metrics.jsonl", start);
      });
  CHECK(killed >= 9);
}
