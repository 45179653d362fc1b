// A journal whose lines count entries. It is held open for a moment alone, so that who finds it taken waits.
#include "test_ledger.hpp"

#include "record/folder/run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kKind = "test";
constexpr const char* kTime = "time";
constexpr const char* kCheckpoint = "checkpoint";
constexpr const char* kEpoch = "epoch";
constexpr const char* kWeights = "weights_sha256";
constexpr const char* kTestSet = "test_set_sha256";
constexpr std::string_view kMetric = "metric.";
constexpr std::chrono::seconds kLongestWait{30};
constexpr std::chrono::milliseconds kBetweenTries{10};
constexpr std::size_t kMostTimes = 5;

std::string path_in(const std::string& folder) { return (fs::path(folder) / run_parts::kTestLedger).string(); }

std::string text_in(const JournalLine& line, const char* name) {
  const auto value = line.values.find(name);
  const std::string* const text = value == line.values.end() ? nullptr : std::get_if<std::string>(&value->second);
  return text == nullptr ? "" : *text;
}

TestEntry entry_of(const JournalLine& line) {
  TestEntry entry{
      line.position.batch, text_in(line, kTime), text_in(line, kCheckpoint), 0, text_in(line, kWeights), {}};
  entry.epoch = static_cast<std::int64_t>(line.number(kEpoch).value_or(0));
  entry.test_set_sha256 = text_in(line, kTestSet);
  for (const auto& [name, value] : line.values)
    if (const auto number = line.number(name); number && name.starts_with(kMetric))
      entry.values.emplace_back(name.substr(kMetric.size()), *number);
  std::stable_partition(entry.values.begin(), entry.values.end(),
                        [](const auto& value) { return value.first.ends_with("loss"); });
  return entry;
}

JournalLine line_of(const TestEntry& entry) {
  JournalLine line;
  line.position = {0, entry.number};
  line.kind = kKind;
  line.values = {
      {kTime, entry.time}, {kCheckpoint, entry.checkpoint}, {kEpoch, entry.epoch}, {kWeights, entry.weights_sha256}};
  if (!entry.test_set_sha256.empty()) line.values.emplace(kTestSet, entry.test_set_sha256);
  for (const auto& [name, value] : entry.values) line.values.emplace(std::string(kMetric) + name, value);
  return line;
}

std::unique_ptr<Journal> open_in_turn(const std::string& path) {
  for (const auto end = Clock::now() + kLongestWait;;) {
    try {
      return std::make_unique<Journal>(path);
    } catch (const Error& error) {
      if (error.name() != "journal-in-use" || Clock::now() >= end) throw;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

}  // namespace

TestLedger read_test_ledger(const std::string& folder) {
  TestLedger ledger;
  const std::string path = path_in(folder);
  if (std::error_code ignored; !fs::exists(path, ignored)) return ledger;
  const auto take = [&](const JournalLine& line) {
    if (line.kind == kKind) ledger.entries.push_back(entry_of(line));
  };
  const JournalExtent read = read_journal(path, take);
  ledger.damage = journal_damage(path, read, take);
  return ledger;
}

std::vector<TestEntry> whole_test_ledger(const std::string& folder) {
  TestLedger ledger = read_test_ledger(folder);
  if (ledger.damage) throw journal_damaged(path_in(folder), *ledger.damage);
  return std::move(ledger.entries);
}

std::string damage_text(const std::string& folder, const TestLedger& ledger) {
  if (!ledger.damage) return {};
  return fmt::format("{}; the looks there are counted, that of the bad line is not",
                     millrace::damage_text(path_in(folder), *ledger.damage));
}

std::vector<TestEntry> add_to_test_ledger(const std::string& folder, TestEntry entry) {
  const std::unique_ptr<Journal> journal = open_in_turn(path_in(folder));
  const auto last = journal->last(kKind);
  entry.number = last ? last->batch + 1 : 1;
  journal->append(line_of(entry));
  journal->sync();
  return read_test_ledger(folder).entries;
}

std::string other_set_text(const std::vector<TestEntry>& entries) {
  std::vector<std::int64_t> others;
  for (const TestEntry& entry : entries)
    if (!entry.test_set_sha256.empty() && entry.test_set_sha256 != entries.back().test_set_sha256)
      others.push_back(entry.number);
  if (others.empty()) return {};
  return fmt::format("look{} {} {} at other data, or with another config, than the last: their values do not compare",
                     others.size() == 1 ? "" : "s", fmt::join(others, ", "), others.size() == 1 ? "was" : "were");
}

std::string consulted_text(const std::vector<TestEntry>& entries) {
  if (entries.empty()) return {};
  std::vector<std::string> times;
  const std::size_t left_out = entries.size() - std::min(entries.size(), kMostTimes);
  if (left_out > 0) times.emplace_back("...");
  for (std::size_t i = left_out; i < entries.size(); ++i) times.push_back(entries[i].time);
  return fmt::format("consulted {}: {}", entries.size() == 1 ? "once" : fmt::format("{} times", entries.size()),
                     fmt::join(times, ", "));
}

}  // namespace millrace::pipelines
