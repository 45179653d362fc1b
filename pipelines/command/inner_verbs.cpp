// The words that start them are constants of the files that start such a process.
#include "inner_verbs.hpp"

#include "isolation/protocol.hpp"
#include "isolation/stage_worker.hpp"
#include "plugins/plugin_entry.hpp"
#include "plugins/probe.hpp"
#include "process/stop_signals.hpp"
#include "stage_check.hpp"

#include <charconv>

namespace millrace::pipelines {
namespace {

int serve_isolated_stage(long parent) {
  block_stop_signals();  // its run decides when it ends
  // Which the run has checked already.
  return serve_stage(parent, [](const std::string& file) { return enter_plugin(file); });
}

}  // namespace

std::optional<int> serve_inner_verb(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return std::nullopt;
  long parent = 0;
  std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), parent);
  const auto is = [&](const char* verb, std::size_t count) {
    return arguments[0] == verb && arguments.size() == count;
  };
  if (is(kStageWorkerArgument, 2)) return serve_isolated_stage(parent);
  if (is(kTryPlugin, 3)) return serve_probe(parent, arguments[2]);
  if (is(kCheckStage, kCheckStageArguments)) return serve_stage_check(parent, arguments);
  return std::nullopt;
}

}  // namespace millrace::pipelines
