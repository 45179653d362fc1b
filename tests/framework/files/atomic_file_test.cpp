// A file is there whole or not at all: whatever fails, and wherever the process ends.
#include "catch.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "temp_folder.hpp"

#include <millrace/files/atomic_file.hpp>

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

const std::string kOld = "the old one", kNew(300'000, 'n');

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::set<std::string> names_in(const TempFolder& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) names.insert(entry.path().filename().string());
  return names;
}

std::string leftover_name(char digit) { return ".millrace-" + std::string(32, digit) + ".part"; }

bool make_new(const std::string& path) {
  AtomicFile file(path);
  file.write(kNew);
  return file.create();
}

// Calls `work` with a fault at its 1st, 2nd, ... file call, once or from there on; `check` gets its error or null.
template <class Work, class Check>
void fail_at_each_call(const Circumstances& circumstances, int error, bool stays, Work work, Check check) {
  bool is_reached = true;
  for (int first = 1; is_reached; ++first) {
    std::optional<Error> told;
    is_reached = false;
    {
      GatedCalls calls([&](std::string_view, int number) {
        is_reached |= number == first;
        return number == first || (stays && number > first) ? error : kPass;
      });
      circumstances.apply_to(calls);
      try {
        work();
      } catch (const Error& failure) {
        told = failure;
      }
    }
    check(told);
  }
}

}  // namespace

TEST_CASE("A file replaces the one of its name, with the permissions of a file that the user makes") {
  const TempFolder folder;
  const std::string path = folder.file("report", kOld);
  GatedCalls calls;
  calls.knows_nameless = GENERATE(true, false);
  AtomicFile file(path);
  file.write(std::string_view(kNew).substr(0, 1000));
  file.write(std::as_bytes(std::span(kNew).subspan(1000)));
  CHECK(content_of(path) == kOld);
  CHECK(content_of(file.readable_path()) == kNew);
  file.replace();
  CHECK(content_of(path) == kNew);
  CHECK(names_in(folder) == std::set<std::string>{"report"});
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  CHECK((status.st_mode & 0777) == (0666 & ~mask));
}

TEST_CASE("A file is made only where nothing has its name") {
  const TempFolder folder;
  const std::string path = folder.path() + "/done";
  GatedCalls calls;
  calls.knows_nameless = GENERATE(true, false);
  CHECK(make_new(path));
  AtomicFile second(path);
  second.write(kOld);
  CHECK_FALSE(second.create());
  CHECK(content_of(path) == kNew);
}

TEST_CASE("A file that was not published leaves nothing") {
  const TempFolder folder;
  {
    GatedCalls calls;
    calls.knows_nameless = GENERATE(true, false);
    AtomicFile file(folder.path() + "/report");
    file.write(kNew);
    file.sync();
  }
  CHECK(names_in(folder).empty());
}

TEST_CASE("write_atomically brings its bytes to a real disk under a relative name") {
  const TempFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_atomically("report", kNew);
  write_atomically("report", kOld);
  fs::current_path(before);
  CHECK(content_of(folder.path() + "/report") == kOld);
  CHECK(names_in(folder).size() == 1);
}

TEST_CASE("A symbolic link is replaced, not followed") {
  const TempFolder folder;
  const std::string other = folder.file("other", kOld), path = folder.path() + "/report";
  fs::create_symlink(other, path);
  write_atomically(path, kNew);
  CHECK(content_of(other) == kOld);
  CHECK_FALSE(fs::is_symlink(path));
}

TEST_CASE("A name that a folder bears, and a folder that is not there, are errors that say so") {
  const TempFolder folder;
  fs::create_directory(folder.path() + "/report");
  const Error taken = error_of([&] { write_atomically(folder.path() + "/report", kNew); });
  CHECK(taken.name() == "output-unwritable");
  CHECK_THAT(taken.message(), ContainsSubstring(folder.path() + "/report"));
  CHECK(names_in(folder) == std::set<std::string>{"report"});
  const Error missing = error_of([&] { AtomicFile file(folder.path() + "/none/report"); });
  CHECK(missing.name() == "output-unwritable");
  CHECK(missing.message() == "cannot make a file in `" + folder.path() + "/none`: No such file or directory");
  for (const std::string& cut_short : {std::string("/a\0b/c", 6), std::string("/a\0b", 4)})
    CHECK(error_of([&] { AtomicFile file(folder.path() + cut_short); }).name() == "output-unwritable");
}

TEST_CASE("A file whose writing or bringing to the disk has failed cannot be published any more") {
  const TempFolder folder;
  const std::string path = folder.file("report", kOld);
  const std::string failing = GENERATE(true, false) ? "write" : "sync";
  int failures = 0;
  GatedCalls calls([&](std::string_view call, int) { return call == failing && failures++ == 0 ? ENOSPC : kPass; });
  AtomicFile file(path);
  CHECK_THROWS_AS((file.write(kNew), file.sync()), Error);
  file.write(kNew);
  CHECK_THROWS_AS(file.sync(), Error);
  CHECK_THROWS_AS(file.replace(), Error);
  CHECK_THROWS_AS(file.create(), Error);
  CHECK(failures == (failing == "write" ? 2 : 1));
  CHECK(content_of(path) == kOld);
}

TEST_CASE("A call that a signal has interrupted is made again") {
  const TempFolder folder;
  const std::string path = folder.file("report", kOld);
  for (const char* interrupted : {"open", "write", "sync"}) {
    int times = 0;
    GatedCalls calls([&](std::string_view call, int) { return call == interrupted && times++ == 0 ? EINTR : kPass; });
    write_atomically(path, kNew);
    CHECK(times >= 2);
  }
  CHECK(content_of(path) == kNew);
}

TEST_CASE("What is written piece by piece because the system takes less is whole") {
  struct Sparing : FileCalls {
    Sparing() { use_file_calls(this); }
    ~Sparing() override { use_file_calls(nullptr); }
    ssize_t write(int file, const void* bytes, std::size_t count) override {
      return FileCalls::write(file, bytes, std::min<std::size_t>(count, 70'001));
    }
  };
  const TempFolder folder;
  const Sparing calls;
  write_atomically(folder.path() + "/report", kNew);
  CHECK(content_of(folder.path() + "/report") == kNew);
}

TEST_CASE("A link whose answer was lost has been made") {
  // A file server makes the link, its answer is lost, its client asks again and hears that the name is taken.
  struct Forgetful : FileCalls {
    Forgetful() { use_file_calls(this); }
    ~Forgetful() override { use_file_calls(nullptr); }
    int link(const char* file, const char* name) override {
      FileCalls::link(file, name);
      errno = EEXIST;
      return -1;
    }
  };
  const TempFolder folder;
  const Forgetful calls;
  CHECK(make_new(folder.path() + "/done"));
  CHECK_FALSE(make_new(folder.path() + "/done"));
}

TEST_CASE("A folder that knows no sync has nothing to bring to a disk") {
  const TempFolder folder;
  int syncs = 0;
  GatedCalls calls([&](std::string_view call, int) { return call == "sync" && ++syncs == 2 ? EINVAL : kPass; });
  CHECK_NOTHROW(write_atomically(folder.path() + "/report", kNew));
  CHECK(syncs == 2);
}

TEST_CASE("Leftovers of killed processes are removed, and nothing else") {
  const TempFolder folder;
  for (const std::string& name : {leftover_name('0'), leftover_name('1'), leftover_name('g'), leftover_name('2') + "s",
                                  std::string("model.part")})
    folder.file(name, kOld);
  fs::create_directory(folder.path() + "/" + leftover_name('3'));
  fs::create_symlink("model.part", folder.path() + "/" + leftover_name('4'));
  const int used = ::open((folder.path() + "/" + leftover_name('1')).c_str(), O_RDONLY);
  REQUIRE(::flock(used, LOCK_EX) == 0);
  CHECK(remove_leftovers(folder.path()) == 1);
  CHECK(names_in(folder) == std::set<std::string>{leftover_name('1'), leftover_name('g'), leftover_name('2') + "s",
                                                  "model.part", leftover_name('3'), leftover_name('4')});
  ::close(used);
  CHECK(remove_leftovers(folder.path()) == 1);
}

TEST_CASE("A temporary that is in use is no leftover") {
  const TempFolder folder;
  GatedCalls calls;
  calls.knows_nameless = false;
  AtomicFile file(folder.path() + "/report");
  CHECK(status_of_fork([&] { ::_exit(static_cast<int>(remove_leftovers(folder.path()))); }) == 0);
  file.write(kNew);
  file.replace();
  CHECK(content_of(folder.path() + "/report") == kNew);
}

TEST_CASE("Whatever fails, the old or the new file is there, whole, and the error says which file and why") {
  const Circumstances circumstances = kAllCircumstances[GENERATE(0, 1, 2, 3)];
  const bool replaces = GENERATE(true, false);
  const bool stays = GENERATE(true, false);
  std::vector<int> errors{ENOSPC, EIO};
  if (is_full_test()) errors.insert(errors.end(), {EDQUOT, EROFS, EACCES, EPERM, EMFILE, ENFILE, ESTALE});
  const TempFolder folder;
  const std::string path = folder.path() + "/report";
  if (replaces) folder.file("report", kOld);
  for (const int error : errors) {
    int failed = 0;
    const auto write = [&] { return replaces ? write_atomically(path, kNew) : static_cast<void>(make_new(path)); };
    fail_at_each_call(circumstances, error, stays, write, [&](const std::optional<Error>& told) {
      const bool is_there = fs::exists(path);
      const std::string found = content_of(path);
      CHECK((found == kNew || (told && (replaces ? found == kOld : !is_there))));
      if (told) {
        ++failed;
        CHECK(told->name() == (error == EMFILE || error == ENFILE ? "too-many-files" : "output-unwritable"));
        CHECK_THAT(told->message(), ContainsSubstring(folder.path()));
        CHECK_THAT(told->message(), ContainsSubstring(std::generic_category().message(error)));
      }
      if (!stays) CHECK(names_in(folder).size() == (is_there ? 1U : 0U));
      remove_leftovers(folder.path());
      fs::remove(path);
      if (replaces) folder.file("report", kOld);
    });
    CHECK(failed >= 5);
  }
}

TEST_CASE("Wherever the process ends, the old or the new file is there, whole, and the next one goes through") {
  const Circumstances circumstances = kAllCircumstances[GENERATE(0, 1, 2, 3)];
  const bool replaces = GENERATE(true, false);
  const TempFolder folder;
  const std::string path = folder.path() + "/report";
  if (replaces) folder.file("report", kOld);
  const auto write = [&] { return replaces ? write_atomically(path, kNew) : static_cast<void>(make_new(path)); };
  const int killed = kill_at_each_call(circumstances, write, [&] {
    const std::string found = content_of(path);
    CHECK((found == kNew || (replaces ? found == kOld : !fs::exists(path))));
    remove_leftovers(folder.path());
    CHECK(names_in(folder).size() == (fs::exists(path) ? 1U : 0U));
    write_atomically(path, kNew);
    CHECK(content_of(path) == kNew);
    fs::remove(path);
    if (replaces) folder.file("report", kOld);
  });
  CHECK(killed >= 6);
}

TEST_CASE("Of two processes that make the same file one does, and its content counts") {
  const TempFolder folder;
  for (int round = 0; round < 50; ++round) {
    const std::string path = folder.path() + "/" + std::to_string(round);
    int start[2];
    REQUIRE(::pipe(start) == 0);
    pid_t children[2];
    for (int i = 0; i < 2; ++i) {
      if ((children[i] = ::fork()) != 0) continue;
      ::close(start[1]);
      char none = 0;
      while (::read(start[0], &none, 1) > 0) continue;
      const GatedCalls calls;
      AtomicFile file(path);
      file.write(std::to_string(i));
      ::_exit(file.create() ? 1 : 0);
    }
    ::close(start[0]);
    ::close(start[1]);
    int winners = 0, winner = 0;
    for (int i = 0; i < 2; ++i) {
      int status = 0;
      REQUIRE(::waitpid(children[i], &status, 0) == children[i]);
      REQUIRE((status == 0 || status == 1 << 8));
      if (status != 0) winner = i;
      winners += status != 0 ? 1 : 0;
    }
    CHECK(winners == 1);
    CHECK(content_of(path) == std::to_string(winner));
  }
}
