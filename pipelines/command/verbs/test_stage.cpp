// `pipeline-run test-stage PLUGIN[:NAME]`: the conformance suite on the stages of a plugin, each check in a process of its own.
#include "command/example_node.hpp"
#include "command/loading/peer_config.hpp"
#include "command/loading/plugin_loading.hpp"
#include "command/options/verb.hpp"
#include "command/pages/run_json.hpp"
#include "command/stage_check.hpp"
#include "command/terminal/answer.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/plugin_search.hpp"
#include "plugins/suite_library.hpp"
#include "process/ipc/asked_child.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/testing/stage_suite.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace millrace::pipelines {
namespace {

using testing::CheckResult;
using testing::SuiteCheck;
using testing::Verdict;
using Json = nlohmann::ordered_json;

constexpr const char* kBuiltIn = "built-in";

struct TestStageOptions : VerbOptions {
  std::string plugin;                ///< PLUGIN[:NAME]
  std::string with;                  ///< parameters, a YAML map
  std::uint64_t seed = 42;           ///< seed of the inputs
  std::chrono::seconds timeout{60};  ///< for one check
};

/// A check by name, and what came of it.
struct Outcome {
  std::string name;
  CheckResult result;
  bool blocked = false;  ///< a check that it needs has not passed
};

struct StageOutcome {
  const StageInfo* info = nullptr;
  std::string params;
  std::vector<Outcome> checks;
};

std::string verdict_text(Verdict verdict) {
  return verdict == Verdict::passed ? "passed" : verdict == Verdict::failed ? "failed" : "not applicable";
}

CheckResult failure(std::string seen, std::string help, const std::string& last_words) {
  if (!last_words.empty()) seen += "; the last it said: " + last_words;
  return {Verdict::failed, std::move(seen), std::move(help), false};
}

CheckResult result_of(const ChildEnd& end, std::chrono::milliseconds limit) {
  switch (end.how) {
    case ChildEnd::How::returned:
      return result_of_answer(end.result);
    case ChildEnd::How::threw:
      return failure(end.error->render(), "", end.last_words);
    case ChildEnd::How::crashed:
      return failure("the stage crashes: " + signal_text(end.number),
                     "run its own test under gdb, or build it with -fsanitize=address", end.last_words);
    case ChildEnd::How::exited:
      return failure(fmt::format("the stage ends the program, with exit code {}", end.number),
                     "throw millrace::Error instead of calling exit()", end.last_words);
    case ChildEnd::How::hung:
      break;
  }
  return failure(fmt::format("the stage was not done within {} s", limit.count() / 1000),
                 "look for a wait or an endless epoch; --timeout gives it longer", end.last_words);
}

// The first check that must have passed and has not.
const Outcome* blocker_of(const SuiteCheck& check, const std::vector<Outcome>& done) {
  for (const Outcome& outcome : done) {
    const bool is_needed = std::find(check.needs.begin(), check.needs.end(), outcome.name) != check.needs.end();
    const bool is_bad = outcome.blocked || outcome.result.lacks_data || outcome.result.verdict == Verdict::failed;
    if (is_needed && is_bad) return &outcome;
  }
  return nullptr;
}

Outcome make_check(const SuiteCheck& check, const StageInfo& info, const std::vector<Outcome>& done,
                   const TestStageOptions& options) {
  if (const Outcome* blocker = blocker_of(check, done))
    return {
        check.name, {Verdict::not_applicable, fmt::format("`{}` has to pass first", blocker->name), {}, false}, true};
  const ChildEnd end =
      ask_in_child(question_of({info.file, info.name, check.name, options.with, options.seed}, options.timeout));
  return {check.name, result_of(end, options.timeout), false};
}

std::string line_of(const Outcome& outcome) {
  std::string line = fmt::format("  {:<15} {:<21}", verdict_text(outcome.result.verdict), outcome.name);
  if (!outcome.result.seen.empty()) line += " " + printable_message(outcome.result.seen, 41);
  line.erase(line.find_last_not_of(' ') + 1);
  if (!outcome.result.help.empty())
    line += fmt::format("\n{:18}= help: {}", "", printable_message(outcome.result.help, 26));
  return line + "\n";
}

/// Where a stage is: PLUGIN[:NAME], of which either part may have a colon of its own in a path.
struct Wanted {
  std::string plugin, stage;
};

Wanted wanted_of(const std::string& target) {
  const std::size_t colon = target.rfind(':');
  std::error_code error;
  if (colon == std::string::npos || std::filesystem::exists(target, error)) return {target, ""};
  return {target.substr(0, colon), target.substr(colon + 1)};
}

// Who names a built-in stage alone has forgotten that the plugin comes first.
std::string plugin_file(const std::string& plugin, const std::vector<std::string>& built_in) try {
  return find_plugin(plugin);
} catch (const Error& error) {
  const bool is_stage = std::find(built_in.begin(), built_in.end(), plugin) != built_in.end();
  const std::string meant = is_stage ? plugin : meant_by(plugin, built_in);
  if (meant.empty()) throw;
  throw Error(error.kind(), error.name(), error.message(),
              is_stage ? fmt::format("the built-in stage is `{}:{}`", kBuiltIn, meant)
                       : fmt::format("{}  Else {}", suggestion({fmt::format("{}:{}", kBuiltIn, meant)}), error.help()));
}

std::vector<std::string> stages_of(const Wanted& wanted, StageRegistry& registry) {
  std::vector<std::string> names = load_builtin_plugin(registry);
  if (wanted.plugin != kBuiltIn) names = load_plugin(plugin_file(wanted.plugin, names), registry, waiting_trial());
  if (wanted.stage.empty()) return names;
  if (std::find(names.begin(), names.end(), wanted.stage) != names.end()) return {wanted.stage};
  throw Error(ErrorKind::usage, "unknown-stage",
              fmt::format("plugin `{}` has no stage `{}`", wanted.plugin, wanted.stage),
              did_you_mean(wanted.stage, names, "it has"));
}

StageOutcome test(const StageInfo& info, const ExampleNode& node, const TestStageOptions& options) {
  StageOutcome outcome{&info, node.params.render(), {}};
  if (!options.json)
    answer(fmt::format("{} ({}), with {}, seed {}\n", info.name, to_string(info.kind), printable_line(outcome.params),
                       options.seed));
  for (const SuiteCheck& check : opened_suite()) {
    outcome.checks.push_back(make_check(check, info, outcome.checks, options));
    if (!options.json) answer(line_of(outcome.checks.back()));
  }
  return outcome;
}

std::int64_t count(const std::vector<StageOutcome>& all, Verdict verdict) {
  std::int64_t found = 0;
  for (const StageOutcome& stage : all)
    found += std::count_if(stage.checks.begin(), stage.checks.end(),
                           [&](const Outcome& o) { return o.result.verdict == verdict; });
  return found;
}

bool lacks_data(const std::vector<StageOutcome>& all) {
  return std::any_of(all.begin(), all.end(),
                     [](const StageOutcome& stage) { return stage.checks.front().result.lacks_data; });
}

int exit_code(const std::vector<StageOutcome>& all) {
  if (count(all, Verdict::failed) > 0) return static_cast<int>(ErrorKind::run);
  return lacks_data(all) ? static_cast<int>(ErrorKind::data) : 0;
}

std::string summary(const std::vector<StageOutcome>& all) {
  std::string text = fmt::format("{}: {} passed, {} failed, {} not applicable\n", counted(all.size(), "stage"),
                                 counted(count(all, Verdict::passed), "check"), count(all, Verdict::failed),
                                 count(all, Verdict::not_applicable));
  if (lacks_data(all))
    text += "A stage was not tested for want of data; give it files of your own: --with '{PARAMETER: PATH}'\n";
  return text;
}

Json check_json(const Outcome& outcome) {
  Json object{{"name", outcome.name}, {"result", verdict_text(outcome.result.verdict)}};
  if (!outcome.result.seen.empty()) object["seen"] = outcome.result.seen;
  if (!outcome.result.help.empty()) object["help"] = outcome.result.help;
  return object;
}

Json report(const std::vector<StageOutcome>& all, const TestStageOptions& options) {
  Json object{{"schema", 1}, {"seed", options.seed}, {"stages", Json::array()}};
  for (const StageOutcome& stage : all) {
    Json checks = Json::array();
    for (const Outcome& outcome : stage.checks) checks.push_back(check_json(outcome));
    object["stages"].push_back({{"name", stage.info->name},
                                {"kind", to_string(stage.info->kind)},
                                {"file", stage.info->file},
                                {"params", stage.params},
                                {"checks", std::move(checks)}});
  }
  object.update({{"passed", count(all, Verdict::passed)},
                 {"failed", count(all, Verdict::failed)},
                 {"not_applicable", count(all, Verdict::not_applicable)}});
  return object;
}

int act_test_stage(const TestStageOptions& options) {
  const Wanted wanted = wanted_of(options.plugin);
  StageRegistry registry;
  const std::vector<std::string> names = stages_of(wanted, registry);
  if (!options.with.empty() && names.size() > 1)
    throw Error(ErrorKind::usage, "wrong-arguments", "--with is for one stage, the plugin has several",
                fmt::format("name one: {}:{}", wanted.plugin, names.front()));
  std::vector<StageOutcome> all;
  for (const std::string& name : names) {
    Diagnostics diagnostics;
    const ExampleNode node = example_node(*registry.find(name), options.with, registry, diagnostics);
    if (diagnostics.has_errors()) {
      write_errors(diagnostics, options, nullptr);
      if (options.json) write_result(errors_json(diagnostics));
      return static_cast<int>(ErrorKind::usage);
    }
    all.push_back(test(*registry.find(name), node, options));
  }
  options.json ? write_result(json_line(report(all, options))) : answer(summary(all));
  return exit_code(all);
}

const RegisteredVerb kTestStage(
    {.name = "test-stage",
     .group = VerbGroup::author,
     .summary = "check the stages of a plugin against their descriptors",
     .target = {.name = "PLUGIN",
                .usage = "PLUGIN[:NAME]",
                .help = "A file, a name in a plugin folder, or built-in; :NAME for one of its stages",
                .example = "built-in:normalize",
                .missing = "no plugin given",
                .store = into(&TestStageOptions::plugin),
                .candidates =
                    [](const TypedWords&) {
                      return std::vector<std::string>{kBuiltIn, kFileCandidates};
                    }},
     .options = {json_option(),
                 {.name = "with",
                  .kind = ValueKind::text,
                  .placeholder = "YAML",
                  .help = "Parameters, beside and instead of those of the stage's example",
                  .example = "{scale: 2}",
                  .store = into(&TestStageOptions::with)},
                 {.name = "seed",
                  .kind = ValueKind::count,
                  .placeholder = "N",
                  .help = "Of the random inputs; 42 when absent",
                  .example = "7",
                  .range = {.most = std::numeric_limits<std::uint64_t>::max()},
                  .store = into(&TestStageOptions::seed)},
                 {.name = "timeout",
                  .kind = ValueKind::count,
                  .placeholder = "SECONDS",
                  .help = "The longest that one check may take; 60 when absent",
                  .example = "5",
                  .range = {.least = 1, .of = "seconds"},
                  .store = into(&TestStageOptions::timeout)}},
     .examples = {"pipeline-run test-stage built-in:normalize",
                  "pipeline-run test-stage built-in:one_hot --with '{classes: [red, green, blue]}'"}},
    act_test_stage);

}  // namespace
}  // namespace millrace::pipelines
