// `pipeline-run schema`: a JSON Schema of configs, built-in stages and plugins alike.
#include "command/line/config_arguments.hpp"
#include "command/loading/config_options.hpp"
#include "command/loading/plugin_loading.hpp"
#include "command/pages/config_json_schema.hpp"
#include "plugins/plugin_search.hpp"

namespace millrace::pipelines {
namespace {

int act_schema(const PluginOptions& options) {
  StageRegistry registry;
  load_plugins(options.plugins, registry);
  load_plugins_of_folders(registry, waiting_trial());
  write_result(config_json_schema(registry));
  return 0;
}

const RegisteredVerb kSchema({.name = "schema",
                              .group = VerbGroup::catalog,
                              .summary = "JSON Schema of configs for editors, plugins included",
                              .options = {plugin_option()},
                              .examples = {"pipeline-run schema"}},
                             act_schema);

}  // namespace
}  // namespace millrace::pipelines
