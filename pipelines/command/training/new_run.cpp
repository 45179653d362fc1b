// The texts come from who prints them: `show` and `--json` say the same of the run.
#include "new_run.hpp"

#include "command/loading/config_plugins.hpp"
#include "command/loading/resolved_text.hpp"
#include "export/row_form.hpp"
#include "process/process_info.hpp"
#include "record/environment/environment.hpp"

namespace millrace::pipelines {

SafetensorsMetadata uses_of(const CheckedConfig& checked) {
  return model_uses({checked.spec, checked.graph, checked.registry});
}

std::unique_ptr<KeptRun> keep_run(const CheckedConfig& checked, const RunInfo& info, const std::string& config,
                                  const std::string& runs) {
  RunStart start{config, command_line(), std::chrono::system_clock::now(), monitor_of(checked.spec.keep)};
  if (checked.draws_as_before) start.seed_numbers = seed_numbers(checked.graph);
  auto kept = std::make_unique<KeptRun>(
      RunFolder::make(runs, {checked.graph.name, resolved_text(checked, with_plugins_from_root(checked.spec.resolved)),
                             environment_json(checked.graph, info, start)}),
      checked.graph, checked.spec.keep, uses_of(checked));
  if (!checked.diagnostics.empty()) kept->recorder().log(render(checked.diagnostics));
  return kept;
}

}  // namespace millrace::pipelines
