// `pipeline-run check CONFIG`: every error and warning, no data moved.
#include "check/memory_check.hpp"
#include "check/rules/rule_list.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/pages/loaded_plugins.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/answer.hpp"
#include "diagnostics/printable_text.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

struct CheckOptions : ConfigOptions {
  bool rules = false;
};

int print_rules(bool json) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  std::string text;
  for (const Rule& rule : rules()) {
    all.push_back({{"name", rule.name}, {"rule", rule.sentence}});
    text += fmt::format("{:<25} {}\n", rule.name, rule.sentence);
  }
  json ? write_result(json_line(all)) : answer(text);
  return 0;
}

int act_check(const CheckOptions& options) {
  if (options.rules) return print_rules(options.json);
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  note_loaded_plugins(checked->registry);
  look_for_data(*checked, options);
  if (!checked->diagnostics.has_errors()) check_memory(checked->graph, checked->diagnostics);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  tell_warnings(checked->diagnostics, options);
  const std::size_t warnings = checked->diagnostics.warnings().size();
  if (options.json)
    write_result(errors_json(checked->diagnostics, loaded_plugins_json(checked->registry)));
  else
    answer(fmt::format("{}: no errors, {}{}\n", printable_line(options.config),
                       warnings > 0 ? warnings_text(warnings) + ", " : "",
                       counted(checked->graph.nodes.size(), "node")));
  return 0;
}

const RegisteredVerb kCheck(
    {.name = "check",
     .group = VerbGroup::config,
     .summary = "find every error of a config; moves no data",
     .target = config_target(),
     .options = config_options({json_option(),
                                {.name = "rules",
                                 .help = "Print what is checked, by the names of errors; takes no CONFIG",
                                 .stands_alone = true,
                                 .store = into(&CheckOptions::rules)}}),
     .examples = {"pipeline-run check mnist_mlp", "pipeline-run check --rules"}},
    act_check);

}  // namespace
}  // namespace millrace::pipelines
