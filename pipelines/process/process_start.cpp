// At the start it fills closed standard descriptors and resets signals; at the end it flushes under an alarm and leaves by exit_group, past
// the destructors of plugins.
#include "process_start.hpp"

#include "exit_watch.hpp"

#include <millrace/float_environment.hpp>
#include <millrace/registry.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string_view>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MILLRACE_FINDS_LEAKS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MILLRACE_FINDS_LEAKS
#endif
#ifdef MILLRACE_FINDS_LEAKS
#include <sanitizer/lsan_interface.h>
#endif

namespace millrace::pipelines {
namespace {

// Input and output the wrong way round: a read or write of one that was closed fails, and does not look like an empty file.
constexpr std::array kWays = {O_WRONLY, O_RDONLY, O_WRONLY};

void occupy_standard_descriptors() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number)
    if (fcntl(number, F_GETFD) < 0 && errno == EBADF) open("/dev/null", kWays[static_cast<std::size_t>(number)]);
}

// A thread of a plugin may hold a stream for ever.
constexpr unsigned kMostFlushSeconds = 1;
volatile std::sig_atomic_t code_at_end = 0;

// Else looked for at the usual end, which a destructor of a plugin may hold up. Ends the process when there are some.
void look_for_leaks() {
#ifdef MILLRACE_FINDS_LEAKS
  __lsan_do_leak_check();
#endif
}

}  // namespace

void start_process() {
  restore_float_environment();  // a library that was loaded with the program may have changed it
  occupy_standard_descriptors();
  for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // where a parent ignores it, nobody learns how a child has ended
}

void end_process(int code) {
  if (std::string_view(MILLRACE_DETAIL_SANITIZER) == "thread") return;
  look_for_leaks();
  code_at_end = code;
  std::signal(SIGALRM, [](int) { exit_now(code_at_end); });
  alarm(kMostFlushSeconds);
  std::cout.flush();
  std::fflush(nullptr);
  exit_now(code);
}

}  // namespace millrace::pipelines
