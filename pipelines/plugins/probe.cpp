// The child enters the plugin, checks its descriptors and counts the threads that it starts; the parent turns the child's end into an error.
#include "probe.hpp"

#include "descriptor_check.hpp"
#include "plugin_entry.hpp"
#include "process/ipc/asked_child.hpp"
#include "process/ipc/wire.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <filesystem>
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

int threads_of_this_process() {
  int count = 0;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator("/proc/self/task", error);
       it != std::filesystem::directory_iterator(); ++it)
    ++count;
  return count;
}

// The threads that it has started, then the stages.
std::string tried(const std::string& file) {
  const int before = threads_of_this_process();
  const std::vector<StageInfo> stages = enter_plugin(file);
  for (const StageInfo& stage : stages) check_descriptor(stage);
  std::vector<std::string> names;
  for (const StageInfo& stage : stages) names.push_back(stage.name);
  WireWriter answer;
  answer.put(threads_of_this_process() - before);
  write(answer, names);
  return answer.bytes();
}

}  // namespace

std::vector<std::string> probe(const std::string& file, std::chrono::milliseconds limit, const PluginTrial& trial) {
  Question question{trial.program, {kTryPlugin, file}, limit, {}};
  if (trial.is_slow) question.is_slow = [&] { trial.is_slow(file, limit); };
  const ChildEnd end = ask_in_child(question);
  if (end.how != ChildEnd::How::returned) {
    Error error = error_of(end, file, limit);
    if (!end.last_words.empty()) error.add_note("the last it said: " + end.last_words);
    throw error;
  }
  WireReader answer(end.result);
  const int threads = answer.get<int>();
  std::vector<std::string> stages = read_texts(answer);
  if (threads > 0 && trial.starts_threads) trial.starts_threads(file, threads);
  return stages;
}

int serve_probe(long parent, const std::string& file) {
  return answer_parent(parent, [&] { return tried(file); });
}

}  // namespace millrace::pipelines
