// What crosses between the two processes: the question as arguments, the answer as wire.hpp writes it.
#include "stage_check.hpp"

#include "example_node.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/suite_library.hpp"
#include "process/ipc/wire.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::pipelines {
namespace {

using testing::CheckResult;
using testing::SuiteCheck;
using testing::Verdict;

std::string packed(const CheckResult& result) {
  WireWriter to;
  to.put(result.verdict);
  to.put(result.lacks_data);
  to.text(result.seen);
  to.text(result.help);
  return to.bytes();
}

const StageInfo& loaded(const StageCheck& check, StageRegistry& registry) {
  load_builtin_plugin(registry);
  if (check.file != builtin_plugin_path()) load_tried_plugin(check.file, registry);
  return *registry.find(check.stage);
}

// With what its parent has found right already.
std::string make(const StageCheck& check) {
  StageRegistry registry;
  const StageInfo& info = loaded(check, registry);
  Diagnostics diagnostics;
  const ExampleNode node = example_node(info, check.with, registry, diagnostics);
  const std::vector<SuiteCheck>& all = opened_suite();
  const auto it = std::find_if(all.begin(), all.end(), [&](const SuiteCheck& c) { return c.name == check.check; });
  return packed(it->run({info, node.params, node.inputs, check.seed}));
}

}  // namespace

Question question_of(const StageCheck& check, std::chrono::milliseconds limit) {
  return {"/proc/self/exe",
          {kCheckStage, check.file, check.stage, check.check, check.with, fmt::format("{}", check.seed)},
          limit,
          {}};
}

CheckResult result_of_answer(const std::string& answer) {
  WireReader from(answer);
  CheckResult result;
  result.verdict = from.one_of(Verdict::not_applicable);
  result.lacks_data = from.flag();
  result.seen = from.text();
  result.help = from.text();
  return result;
}

int serve_stage_check(long parent, const std::vector<std::string>& arguments) {
  StageCheck check{arguments[2], arguments[3], arguments[4], arguments[5], 0};
  std::from_chars(arguments[6].data(), arguments[6].data() + arguments[6].size(), check.seed);
  return answer_parent(parent, [&] { return make(check); });
}

}  // namespace millrace::pipelines
