// The last line of a process that dies of a signal, and the handlers around it.
#include "process/crash_line.hpp"
#include "catch.hpp"
#include "process/stage_mark.hpp"

#include <millrace/registry.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

using namespace millrace::pipelines;

namespace {

constexpr bool kInstalls = std::string_view(MILLRACE_DETAIL_SANITIZER) == "none";

struct Death {
  int status = 0;
  std::string said;
};

/// What became of a process that runs `body`, and its standard error.
Death death_of(const std::function<void()>& body) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  Death death;
  std::array<char, 256> bytes{};
  for (ssize_t count = 0; (count = read(ends[0], bytes.data(), bytes.size())) > 0;)
    death.said.append(bytes.data(), static_cast<std::size_t>(count));
  close(ends[0]);
  waitpid(child, &death.status, 0);
  return death;
}

void leave_with_42(int) { _exit(42); }

// Not through a null pointer, which a sanitizer would notice before the processor does.
void fault() {
  void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile int*>(page) = 1;
}

bool is_default(int number) {
  struct sigaction now {};
  sigaction(number, nullptr, &now);
  return now.sa_handler == SIG_DFL;
}

void set_default() { std::signal(SIGABRT, SIG_DFL); }

}  // namespace

TEST_CASE("the innermost mark of the thread is told", "[crash_line]") {
  if (!kInstalls) return;
  const StagePlace outer{"node `a`", "", "", 0, 0}, inner{"node `b` (stage x, c.yaml:3:2)", "do this", "", 0, 0};
  const auto die_in = [&](bool leave_inner) {
    return death_of([&] {
      set_default();
      const CrashLines lines;
      const StageMark first(outer, 1, 2);
      if (leave_inner) {
        const StageMark second(inner, 3, 18446744073709551615U);
      } else {
        const StageMark second(inner, 3, 18446744073709551615U);
        raise(SIGABRT);
      }
      raise(SIGABRT);
    });
  };
  const Death in_inner = die_in(false), in_outer = die_in(true);
  CHECK(in_inner.said ==
        "\nerror[stage-crashed]: SIGABRT (Aborted) in node `b` (stage x, c.yaml:3:2), epoch 3, packet "
        "18446744073709551615; do this\n");
  CHECK(in_outer.said == "\nerror[stage-crashed]: SIGABRT (Aborted) in node `a`, epoch 1, packet 2\n");
  CHECK(WTERMSIG(in_inner.status) == SIGABRT);
}

TEST_CASE("a thread that is in no stage says that", "[crash_line]") {
  if (!kInstalls) return;
  const Death death = death_of([] {
    set_default();
    const CrashLines lines;
    raise(SIGABRT);
  });
  CHECK(death.said == "\nerror[stage-crashed]: SIGABRT (Aborted) on a thread that was in no stage's call\n");
}

TEST_CASE("a thread that is in no stage names the stages at work, whose helper it may be", "[crash_line]") {
  if (!kInstalls) return;
  const StagePlace place{"node `a`", "", "", 0, 0};
  const Death death = death_of([&] {
    set_default();
    const CrashLines lines;
    const StageMark mark(place, 1, 2);
    std::thread([] { raise(SIGABRT); }).join();
  });
  CHECK(death.said ==
        "\nerror[stage-crashed]: SIGABRT (Aborted) on a thread that was in no stage's call; at work for node `a`, "
        "epoch 1, "
        "packet 2\n");
}

TEST_CASE("a handler that was there before has its turn, for faults and for signals that are sent", "[crash_line]") {
  if (!kInstalls) return;
  for (const bool sent : {false, true}) {
    const Death death = death_of([&] {
      std::signal(SIGSEGV, leave_with_42);
      const CrashLines lines;
      if (sent) raise(SIGSEGV);
      fault();
    });
    CHECK(WIFEXITED(death.status));
    CHECK(WEXITSTATUS(death.status) == 42);
    CHECK(death.said.find("SIGSEGV") != std::string::npos);
  }
}

TEST_CASE("the last of several runs restores the handlers, but not over a later one", "[crash_line]") {
  if (!kInstalls) return;
  const Death death = death_of([] {
    for (const int number : {SIGABRT, SIGILL}) std::signal(number, SIG_DFL);
    {
      const CrashLines first;
      { const CrashLines second; }
      if (is_default(SIGILL)) _exit(1);
      std::signal(SIGABRT, leave_with_42);
    }
    if (!is_default(SIGILL)) _exit(2);
    if (is_default(SIGABRT)) _exit(3);
  });
  CHECK(death.status == 0);
}
