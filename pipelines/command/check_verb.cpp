// `pipeline-run check CONFIG`: every error, no data moved.
#include "checked_config.hpp"
#include "run_json.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {

int check_verb(const CommandOptions& options) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  if (!checked->diagnostics.empty()) return report_errors(checked->diagnostics, options);
  if (options.json)
    write_result(errors_json(checked->diagnostics));
  else
    write_result(fmt::format("{}: no errors, {} nodes\n", options.target, checked->graph.nodes.size()));
  return 0;
}

}  // namespace millrace::pipelines
