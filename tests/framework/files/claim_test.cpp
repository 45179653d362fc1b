// One process holds a claim; who is dead or silent for too long is followed by one other, and only the first commit counts.
#include "catch.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "temp_folder.hpp"

#include <millrace/files/atomic_file.hpp>
#include <millrace/files/claim.hpp>
#include <millrace/files/journal_line.hpp>

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kHour = std::chrono::hours(1);
constexpr double kHourS = 3600;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::size_t entries_in(const TempFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) count += entry.exists() ? 1U : 0U;
  return count;
}

/// Changes what an attempt's file says of its owner; the heartbeat stays.
void rewrite(const std::string& path, const std::string& name, const JournalValue& value) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  JournalLine line;
  std::string text = content_of(path);
  REQUIRE(parse_journal_line(text.substr(0, text.find('\n')), line));
  REQUIRE(line.values.count(name) == 1);
  line.values[name] = value;
  std::ofstream(path) << to_json(line) << '\n';
  const std::array<std::timespec, 2> times{status.st_mtim, status.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0);
}

bool may_be_taken(const std::string& folder) { return Claim::take(folder, kHour).has_value(); }

/// A child that does `work` and lives until it is let go.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    if (::pipe(told_.data()) != 0 || ::pipe(held_.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ != 0) {
      ::close(told_[1]);
      ::close(held_[0]);
      char done = 0;
      if (::read(told_[0], &done, 1) != 1) throw std::runtime_error("the child has failed");
      return;
    }
    ::close(held_[1]);
    work();
    char none = 0;
    if (::write(told_[1], "", 1) != 1) ::_exit(1);
    while (::read(held_[0], &none, 1) > 0) continue;
    ::_exit(0);
  }
  ~Child() { wait(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// It is dead then, but keeps its number until it is waited for.
  void end() {
    if (held_[1] < 0) return;
    ::close(std::exchange(held_[1], -1));
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT);
  }
  void wait() {
    end();
    if (pid_ > 0) ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    if (told_[0] >= 0) ::close(std::exchange(told_[0], -1));
  }

 private:
  std::array<int, 2> told_{}, held_{};
  pid_t pid_ = 0;
};

/// A claim that the child never gives back.
void take_for_ever(const std::string& folder) {
  static std::optional<Claim> claim;
  claim = Claim::take(folder, kHour);
}

}  // namespace

TEST_CASE("A claim is held by one, and may be taken again when it was given back") {
  const TempFolder folder;
  CHECK(claim_holder(folder.path()).is_over);
  CHECK(claim_holder(folder.path()).attempt == 0);
  {
    std::optional<Claim> first = Claim::take(folder.path(), kHour);
    REQUIRE(first);
    CHECK(first->attempt() == 1);
    CHECK_FALSE(may_be_taken(folder.path()));
    CHECK(status_of_fork([&] { ::_exit(may_be_taken(folder.path()) ? 1 : 0); }) == 0);
    const Claim moved = std::move(*first);
    CHECK_FALSE(may_be_taken(folder.path()));
    const ClaimHolder holder = claim_holder(folder.path());
    CHECK_FALSE(holder.is_over);
    CHECK(holder.attempt == 1);
    CHECK(holder.pid == ::getpid());
    CHECK_FALSE(holder.host.empty());
    CHECK(holder.silent_s < 600);
    CHECK(entries_in(folder) == 1);
  }
  CHECK(claim_holder(folder.path()).is_over);
  const std::optional<Claim> second = Claim::take(folder.path(), kHour);
  REQUIRE(second);
  CHECK(second->attempt() == 2);
  CHECK(entries_in(folder) == 2);
}

TEST_CASE("Numbers of attempts count up, and other files of the folder say nothing") {
  const TempFolder folder;
  for (const char* other : {"07", "8x", "-3", "0", "done", "99999999999999999999"}) folder.file(other, "");
  for (int attempt = 1; attempt <= 11; ++attempt) CHECK(Claim::take(folder.path(), kHour)->attempt() == attempt);
  CHECK(claim_holder(folder.path()).attempt == 11);
}

TEST_CASE("A dead owner on this machine is followed at once, also while nobody has waited for it") {
  const TempFolder folder;
  Child child([&] { take_for_ever(folder.path()); });
  CHECK_FALSE(may_be_taken(folder.path()));
  child.end();
  CHECK(claim_holder(folder.path()).is_over);
  CHECK(may_be_taken(folder.path()));
  Child next([&] { take_for_ever(folder.path()); });
  next.wait();
  CHECK(Claim::take(folder.path(), kHour)->attempt() == 4);
}

TEST_CASE("A process that has got the number of a dead one is not taken for it") {
  const TempFolder folder;
  const std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  CHECK_FALSE(may_be_taken(folder.path()));
  rewrite(folder.path() + "/1", "start_ticks", std::int64_t{1});
  CHECK(may_be_taken(folder.path()));
}

TEST_CASE("Of an owner on another machine or in another container only its silence is known") {
  const TempFolder folder;
  const char* elsewhere = GENERATE(0, 1) == 0 ? "boot" : "pid_namespace";
  GatedCalls calls;
  calls.clock_s = 1000;
  std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  rewrite(folder.path() + "/1", elsewhere, std::string("another"));
  rewrite(folder.path() + "/1", "start_ticks", std::int64_t{1});
  calls.clock_s = 1000 + kHourS;
  CHECK_FALSE(may_be_taken(folder.path()));
  CHECK(claim_holder(folder.path()).silent_s == kHourS);
  claim->beat();
  calls.clock_s = 1000 + 2 * kHourS;
  CHECK_FALSE(may_be_taken(folder.path()));
  calls.clock_s = 1001 + 2 * kHourS;
  CHECK(may_be_taken(folder.path()));
}

TEST_CASE("Who was silent for longer than its lease loses the claim, and cannot commit any more") {
  const TempFolder folder;
  GatedCalls calls;
  calls.clock_s = 5e8;
  std::optional<Claim> first = Claim::take(folder.path(), kHour);
  *calls.clock_s += kHourS + 1;
  std::optional<Claim> second = Claim::take(folder.path(), kHour);
  REQUIRE(second);
  CHECK(second->attempt() == 2);
  const Error error = error_of([&] { first->beat(); });
  CHECK(error.name() == "claim-lost");
  CHECK(error.kind() == ErrorKind::output);
  CHECK_THAT(error.message(), ContainsSubstring(folder.path() + "/2"));
  CHECK(error_of([&] { (void)first->commit(folder.path() + "/done", "first"); }).name() == "claim-lost");
  CHECK_FALSE(fs::exists(folder.path() + "/done"));
  first.reset();
  second->beat();
  CHECK_FALSE(may_be_taken(folder.path()));
  CHECK(second->commit(folder.path() + "/done", "second"));
}

TEST_CASE("The lease that counts is the owner's") {
  const TempFolder folder;
  GatedCalls calls;
  calls.clock_s = 1000;
  const std::optional<Claim> claim = Claim::take(folder.path(), std::chrono::milliseconds(1500));
  *calls.clock_s += 1;
  CHECK_FALSE(may_be_taken(folder.path()));
  *calls.clock_s += 1;
  CHECK(may_be_taken(folder.path()));
}

TEST_CASE("An owner of whom nothing is known has a minute") {
  const TempFolder folder;
  GatedCalls calls;
  calls.clock_s = 1000;
  const std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  const std::string path = folder.path() + "/1";
  const std::array<std::timespec, 2> times{std::timespec{1000, 0}, std::timespec{1000, 0}};
  std::ofstream(path) << std::array{"", "{\"v\":1,", "nothing\n", "\n\n\n"}.at(GENERATE(0U, 1U, 2U, 3U));
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0);
  calls.clock_s = 1060;
  CHECK_FALSE(may_be_taken(folder.path()));
  CHECK(claim_holder(folder.path()).host.empty());
  calls.clock_s = 1061;
  CHECK(may_be_taken(folder.path()));
}

TEST_CASE("A file server whose clock was set back does not make an owner old") {
  const TempFolder folder;
  GatedCalls calls;
  calls.clock_s = 1e9;
  const std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  calls.clock_s = 5e8;
  CHECK_FALSE(may_be_taken(folder.path()));
  CHECK(claim_holder(folder.path()).silent_s == 0);
}

TEST_CASE("Only the first commit counts") {
  const TempFolder folder;
  std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  const std::string path = folder.path() + "/done";
  CHECK(claim->commit(path, "one"));
  CHECK_FALSE(claim->commit(path, "two"));
  CHECK(content_of(path) == "one");
  CHECK(entries_in(folder) == 2);
}

TEST_CASE("A claim whose folder has gone is lost, and where there is no folder none is taken") {
  const TempFolder folder;
  const std::string inner = folder.path() + "/claims";
  CHECK(error_of([&] { Claim::take(inner, kHour); }).name() == "output-unwritable");
  CHECK(error_of([&] { claim_holder(inner); }).name() == "output-unwritable");
  fs::create_directory(inner);
  std::optional<Claim> claim = Claim::take(inner, kHour);
  fs::remove_all(inner);
  CHECK(error_of([&] { claim->beat(); }).name() == "claim-lost");
}

TEST_CASE("A forked copy of the owner gives nothing back when it ends") {
  const TempFolder folder;
  std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  CHECK(status_of_fork([&] { claim.reset(); }) == 0);
  CHECK_FALSE(may_be_taken(folder.path()));
}

TEST_CASE("Who may not write is told the holder by this machine's clock") {
  const TempFolder folder;
  const std::optional<Claim> claim = Claim::take(folder.path(), kHour);
  GatedCalls calls([](std::string_view, int number) { return number == 1 ? EROFS : kPass; });
  const ClaimHolder holder = claim_holder(folder.path());
  CHECK(holder.pid == ::getpid());
  CHECK_FALSE(holder.is_over);
}

TEST_CASE("Of two processes that want one claim exactly one gets it, whether it is free or its owner has died") {
  const TempFolder folder;
  for (int round = 1; round <= 50; ++round) {
    std::array<int, 2> start{}, result{}, finish{};
    REQUIRE((::pipe(start.data()) == 0 && ::pipe(result.data()) == 0 && ::pipe(finish.data()) == 0));
    std::array<pid_t, 2> children{};
    for (pid_t& child : children) {
      if ((child = ::fork()) != 0) continue;
      ::close(start[1]);
      ::close(finish[1]);
      char none = 0;
      while (::read(start[0], &none, 1) > 0) continue;
      const GatedCalls calls;
      const std::optional<Claim> claim = Claim::take(folder.path(), kHour);
      if (::write(result[1], claim ? "1" : "0", 1) != 1) ::_exit(1);
      while (::read(finish[0], &none, 1) > 0) continue;  // who has won lives until the other one has looked
      ::_exit(0);
    }
    ::close(start[1]);
    std::string results(2, ' ');
    for (char& one : results) REQUIRE(::read(result[0], &one, 1) == 1);
    CHECK((results == "01" || results == "10"));
    CHECK(claim_holder(folder.path()).attempt == round);
    for (const int open : {start[0], result[0], result[1], finish[0], finish[1]}) ::close(open);
    for (const pid_t child : children) CHECK(::waitpid(child, nullptr, 0) == child);
  }
}

TEST_CASE("Whatever fails, a claim is told as taken or can be taken again, and a commit is whole or not there") {
  const Circumstances circumstances = kAllCircumstances[GENERATE(0, 1, 2, 3)];
  const bool stays = GENERATE(true, false);
  for (const int error : {ENOSPC, EIO}) {
    int failed = 0;
    bool is_reached = true;
    for (int first = 1; is_reached; ++first) {
      is_reached = false;
      const TempFolder folder;
      const std::string path = folder.path() + "/done";
      bool has_committed = false;
      try {
        GatedCalls calls([&](std::string_view, int number) {
          is_reached |= number == first;
          return number == first || (stays && number > first) ? error : kPass;
        });
        circumstances.apply_to(calls);
        std::optional<Claim> claim = Claim::take(folder.path(), kHour);
        REQUIRE(claim);
        claim->beat();
        has_committed = claim->commit(path, "one");
      } catch (const Error& told) {
        ++failed;
        CHECK(told.name() == "output-unwritable");
        CHECK_THAT(told.message(), ContainsSubstring(folder.path()));
        CHECK_THAT(told.message(), ContainsSubstring(std::generic_category().message(error)));
      }
      CHECK((fs::exists(path) ? content_of(path) == "one" : !has_committed));
      GatedCalls calls;
      // Where nothing could be given back, perhaps only at the end, the claim stands until its lease is over.
      const bool is_free = may_be_taken(folder.path());
      CHECK((is_free || stays || has_committed));
      if (!is_free)
        calls.clock_s =
            std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() + 2 * kHourS;
      std::optional<Claim> next = Claim::take(folder.path(), kHour);
      REQUIRE(next);
      const bool is_second = !fs::exists(path);
      CHECK(next->commit(path, "two") == is_second);
      CHECK(content_of(path) == (is_second ? "two" : "one"));
    }
    CHECK(failed >= 12);
  }
}

TEST_CASE("Wherever the process ends, the next one gets the claim at once, and one commit is there") {
  const Circumstances circumstances = kAllCircumstances[GENERATE(0, 1, 2, 3)];
  const TempFolder folder;
  const std::string path = folder.path() + "/done";
  const auto work = [&] {
    std::optional<Claim> claim = Claim::take(folder.path(), kHour);
    claim->beat();
    if (!claim->commit(path, "one")) throw std::runtime_error("committed before");
  };
  const int killed = kill_at_each_call(circumstances, work, [&] {
    const bool was_there = fs::exists(path);
    if (was_there) CHECK(content_of(path) == "one");
    const GatedCalls calls;
    std::optional<Claim> claim = Claim::take(folder.path(), kHour);
    REQUIRE(claim);
    CHECK(claim->commit(path, "two") == !was_there);
    fs::remove(path);
  });
  CHECK(killed >= 14);
}
