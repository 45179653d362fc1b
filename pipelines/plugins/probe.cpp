#include "probe.hpp"

#include "child_process.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace millrace::pipelines {
namespace {

Error refusal(const std::string& file, std::string name, const std::string& what, std::string help) {
  return {ErrorKind::plugin, std::move(name), fmt::format("plugin `{}` {}", file, what), std::move(help)};
}

Error error_of(const ChildEnd& end, const std::string& file, std::chrono::milliseconds limit) {
  switch (end.how) {
    case ChildEnd::How::hung:
      return refusal(
          file, "plugin-hangs", fmt::format("has not registered its stages within {} ms", limit.count()),
          "look for a wait in its describe() and global objects; MILLRACE_PLUGIN_TIMEOUT_MS gives it longer");
    case ChildEnd::How::crashed:
      return refusal(file, "plugin-crashes",
                     fmt::format("crashes while it is loaded or registers its stages: {}", signal_text(end.number)),
                     fmt::format("see where: gdb -ex 'set follow-fork-mode child' -ex run --args pipeline-run stages "
                                 "--plugin '{}'",
                                 file));
    case ChildEnd::How::exited:
      return refusal(
          file, "plugin-exits",
          fmt::format("ends the program, with exit code {}, while it is loaded or registers its stages", end.number),
          "throw millrace::Error instead of calling exit()");
    default:
      return *end.error;
  }
}

}  // namespace

std::chrono::milliseconds probe_limit() {
  const char* text = std::getenv("MILLRACE_PLUGIN_TIMEOUT_MS");
  if (text == nullptr || *text == '\0') return std::chrono::seconds(10);
  int limit = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, limit);
  if (error != std::errc() || rest != end || limit < 1)
    throw Error(ErrorKind::usage, "wrong-arguments", fmt::format("MILLRACE_PLUGIN_TIMEOUT_MS is `{}`", text),
                "a positive number of milliseconds");
  return std::chrono::milliseconds(limit);
}

void probe(const std::string& file, std::chrono::milliseconds limit, const std::function<void()>& attempt) {
  const ChildEnd end = run_in_child(limit, [&] {
    attempt();
    return std::string();
  });
  if (end.how == ChildEnd::How::returned) return;
  Error error = error_of(end, file, limit);
  if (!end.last_words.empty()) error.add_note("the last it said: " + end.last_words);
  throw error;
}

}  // namespace millrace::pipelines
