// `pipeline-run schema`: a JSON Schema of configs, built-in stages and plugins alike.
#include "command/loading/checked_config.hpp"
#include "command/loading/plugin_loading.hpp"
#include "command/pages/config_json_schema.hpp"
#include "command/terminal/terminal.hpp"
#include "plugins/plugin_search.hpp"

namespace millrace::pipelines {

int schema_verb(const CommandOptions& options) {
  StageRegistry registry;
  load_plugins(options.plugins, registry);
  load_plugins_of_folders(registry, waiting_trial());
  write_result(config_json_schema(registry));
  return 0;
}

}  // namespace millrace::pipelines
