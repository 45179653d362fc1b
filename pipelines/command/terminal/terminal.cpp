// The environment and the descriptor decide together; the conventions are those of no-color.org and POSIX.
#include "terminal.hpp"

#include <millrace/detail/environment.hpp>
#include <millrace/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>

namespace millrace::pipelines {
namespace {

constexpr int kLeastDescriptor = 10;  // out of the way of the numbers that children get
int results = STDOUT_FILENO;
std::atomic<bool> result_lost{false};

bool forces_color(std::string_view value) { return !value.empty() && value != "0"; }

bool wants_color(ColorChoice choice, bool is_terminal) {
  if (choice != ColorChoice::automatic) return choice == ColorChoice::always;
  if (!environment("NO_COLOR").empty()) return false;
  if (forces_color(environment("CLICOLOR_FORCE")) || forces_color(environment("FORCE_COLOR"))) return true;
  return environment("TERM") != "dumb" && is_terminal;
}

// POSIX: the first of these that is set and not empty decides.
bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = environment(name);
    if (value.empty()) continue;
    for (const char* spelling : {"UTF-8", "utf-8", "UTF8", "utf8"})
      if (value.find(spelling) != std::string_view::npos) return true;
    return false;
  }
  return false;
}

}  // namespace

int columns_of(int descriptor) {
  winsize size{};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool takes_text(int descriptor) {
  pollfd out{descriptor, POLLOUT, 0};
  return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
}

TerminalStyle style_of(int descriptor, ColorChoice choice) {
  const bool is_terminal = isatty(descriptor) == 1;
  TerminalStyle style;
  style.is_terminal = is_terminal;
  style.color = wants_color(choice, is_terminal);
  style.redraws = is_terminal && environment("TERM") != "dumb";
  style.unicode = style.redraws && is_utf8_locale();
  style.columns = columns_of(descriptor);
  return style;
}

Look look_of(int descriptor, ColorChoice choice) { return look_of(style_of(descriptor, choice)); }

Look look_of(const TerminalStyle& style) {
  return {style.color, style.is_terminal ? static_cast<std::size_t>(style.columns) : 0};
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void keep_results_apart() {
  int apart = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kLeastDescriptor);
  if (apart < 0) apart = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);  // under a low limit
  if (apart < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return;
  results = apart;
}

int result_descriptor() { return results; }

void write_result(std::string_view text) {
  if (write_all(results, text)) return;
  result_lost = true;
  throw Error(ErrorKind::output, "output-unwritable",
              std::string("cannot write to standard output: ") + std::generic_category().message(errno),
              "the reader has gone, the disk is full or it is not open for writing; send the output elsewhere");
}

bool is_result_lost() { return result_lost; }

void write_note(std::string_view text) { write_all(STDERR_FILENO, text); }

}  // namespace millrace::pipelines
