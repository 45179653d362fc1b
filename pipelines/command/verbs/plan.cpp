// `pipeline-run plan CONFIG`: what a run would take. Where there is too little memory, the plan says what takes it.
#include "command/pages/plan.hpp"
#include "check/memory_check.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/pages/loaded_plugins.hpp"

#include <unistd.h>

namespace millrace::pipelines {
namespace {

int act(const ConfigOptions& options) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  look_for_data(*checked, options);
  if (checked->diagnostics.has_errors()) {
    note_loaded_plugins(checked->registry);
    return report_errors(*checked, options);
  }
  tell_warnings(checked->diagnostics, options);
  print_plan(checked->graph, checked->registry, options.json);
  Diagnostics beyond;
  check_memory(checked->graph, beyond);
  if (beyond.empty()) return 0;
  write_note(render(beyond, look_of(STDERR_FILENO, options.color)));
  return beyond.exit_code();
}

const RegisteredVerb kVerb({.name = "plan",
                            .group = VerbGroup::config,
                            .summary = "shapes and bytes of every edge, model, budgets, memory",
                            .target = config_target(),
                            .options = config_options({json_option()}),
                            .examples = {"pipeline-run plan mnist_mlp --set train_batches.batch_size=128"}},
                           act);

}  // namespace
}  // namespace millrace::pipelines
