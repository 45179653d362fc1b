// `pipeline-run show CONFIG`: the config as it would run, a valid config again, with the origin of each value as a comment.
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/loading/config_plugins.hpp"
#include "command/loading/resolved_text.hpp"
#include "command/pages/loaded_plugins.hpp"
#include "command/terminal/answer.hpp"
#include "config/document/config_text.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const DocNode& node) {
  switch (node.kind) {
    case DocNode::Kind::null:
      return {{"value", nullptr}, {"origin", origin_text(node.where)}};
    case DocNode::Kind::scalar:
      return {{"value", node.text}, {"origin", origin_text(node.where)}};
    case DocNode::Kind::list: {
      Json list = Json::array();
      for (const DocNode& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case DocNode::Kind::map:
      break;
  }
  Json object = Json::object();
  for (const DocMember& member : node.members) object[member.key] = to_json(member.value);
  return object;
}

int act_show(const ConfigOptions& options) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  note_loaded_plugins(checked->registry);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  tell_warnings(checked->diagnostics, options);
  const DocNode config = with_plugins_from_here(checked->spec.resolved);
  if (options.json) {
    const Json object = {{"schema", 1},
                         {"config_hash", checked->graph.config_hash},
                         {"plugins", loaded_plugins_json(checked->registry)},
                         {"config", to_json(config)}};
    write_result(json_line(object));
    return 0;
  }
  write_result(resolved_text(*checked, config));
  return 0;
}

const RegisteredVerb kShow({.name = "show",
                            .group = VerbGroup::config,
                            .summary = "the config after overrides, each value with its origin",
                            .target = config_target(),
                            .options = config_options({json_option()}),
                            .examples = {"pipeline-run show mnist_mlp --set epochs=1"}},
                           act_show);

}  // namespace

}  // namespace millrace::pipelines
