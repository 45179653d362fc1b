// `pipeline-run stages [NAME]`: the stages there are, or one of them with all that its descriptor says.
#include "command/line/config_arguments.hpp"
#include "command/loading/config_options.hpp"
#include "command/loading/plugin_loading.hpp"
#include "command/loading/plugin_search_report.hpp"
#include "command/pages/stage_info.hpp"
#include "command/pages/stages_json.hpp"
#include "command/pages/stages_markdown.hpp"
#include "command/terminal/answer.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "plugins/plugin_search.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace millrace::pipelines {
namespace {

struct StagesOptions : PluginOptions {
  std::string stage;  ///< empty: all
  bool markdown = false;
  bool why = false;  ///< where the stage was looked for, and what was refused
};

std::string default_text(const Param& param) {
  if (param.default_value) return "default " + param.default_value->render();
  return param.is_optional ? "optional" : "required";
}

/// Choices that the page has explained already, with the parameter where it did.
using Explained = std::map<std::string, std::string>;

std::string param_text(const Param& param, int depth, Explained& explained);

std::string params_text(const std::vector<Param>& params, int depth, Explained& explained) {
  std::string text;
  for (const Param& param : params) text += param_text(param, depth, explained);
  return text;
}

// Records and alternatives have parameters of their own, one level deeper.
std::string nested_text(const ParamType& type, int depth, const std::string& param, Explained& explained) {
  using Kind = ParamType::Kind;
  if (type.kind() == Kind::list || type.kind() == Kind::map)
    return nested_text(type.element(), depth, param, explained);
  if (type.kind() == Kind::record) return params_text(type.params(), depth, explained);
  std::string text;
  if (type.kind() == Kind::any_of)
    for (const ParamType& option : type.options()) text += nested_text(option, depth, param, explained);
  if (type.kind() != Kind::one_of) return text;
  if (const auto [first, is_new] = explained.emplace(type.describe(), param); !is_new)
    return fmt::format("{:{}}(as for {})\n", "", 2 * depth, first->second);
  for (const Alternative& alternative : type.alternatives())
    text += fmt::format("{:{}}{}: {}\n", "", 2 * depth, alternative.name, printable_line(alternative.doc)) +
            params_text(alternative.params, depth + 1, explained);
  return text;
}

std::string param_text(const Param& param, int depth, Explained& explained) {
  const std::string unit = param.unit.empty() ? "" : fmt::format(", {}", param.unit);
  return fmt::format("{:{}}{}: {}{}; {}\n{:{}}{}\n", "", 2 * depth, param.name, param.type.describe(), unit,
                     default_text(param), "", 2 * depth + 4, printable_line(param.doc)) +
         nested_text(param.type, depth + 2, param.name, explained);
}

std::string port_line(const PortDecl& port, const char* direction) {
  const std::string kind = port.kind == PortKind::data ? "" : fmt::format("{}, ", to_string(port.kind));
  return fmt::format("  {:<4} {:<10} {}{}{}\n", direction, port.name.empty() ? "(any)" : port.name, kind,
                     printable_line(port.text()), port.optional ? " (optional)" : "");
}

std::string ports_text(const StageDescriptor& spec) {
  std::string text;
  for (const PortDecl& port : spec.inputs()) text += port_line(port, "in");
  if (spec.any_input() != nullptr) text += port_line(*spec.any_input(), "in");
  for (const PortDecl& port : spec.outputs()) text += port_line(port, "out");
  if (spec.any_output() != nullptr)
    text += port_line(*spec.any_output(), "out") +
            fmt::format("  {:15} one for each key of `{}`\n", "", spec.any_output_param());
  return text;
}

std::string stage_text(const StageInfo& info) {
  std::string text =
      fmt::format("{} ({})\n  {}\n\nThreads and state\n  {}\n\nPorts\n{}", info.name, to_string(info.kind),
                  printable_line(info.spec.summary()), threads_and_state(info), ports_text(info.spec));
  Explained explained;
  if (!info.spec.params().empty()) text += "\nParameters\n" + params_text(info.spec.params(), 1, explained);
  text += fmt::format("\nExample\n  {}\n", printable_line(info.spec.example()));
  return text + fmt::format("\nPlugin\n  {} {}, {}\n  {}\n", printable_line(info.plugin),
                            printable_line(info.plugin_version), printable_line(info.plugin_license),
                            printable_line(info.file));
}

std::string list_text(const StageRegistry& registry) {
  std::string text;
  for (const std::string& name : registry.names()) {
    const StageInfo& info = *registry.find(name);
    text += fmt::format("{:<14} {:<10} {}\n", name, to_string(info.kind), printable_line(info.spec.summary()));
  }
  return text + "\nMore about one: pipeline-run stages NAME\n";
}

bool offers(const ParamType& type, const std::string& name) {
  using Kind = ParamType::Kind;
  const auto in_params = [&](const std::vector<Param>& params) {
    return std::any_of(params.begin(), params.end(), [&](const Param& p) { return offers(p.type, name); });
  };
  switch (type.kind()) {
    case Kind::choice:
      return std::find(type.choices().begin(), type.choices().end(), name) != type.choices().end();
    case Kind::list:
    case Kind::map:
      return offers(type.element(), name);
    case Kind::record:
      return in_params(type.params());
    case Kind::one_of:
      return std::any_of(type.alternatives().begin(), type.alternatives().end(),
                         [&](const Alternative& a) { return a.name == name || in_params(a.params); });
    case Kind::any_of:
      return std::any_of(type.options().begin(), type.options().end(),
                         [&](const ParamType& t) { return offers(t, name); });
    default:
      return false;
  }
}

// `adam` and `relu` are no stages but what a parameter of one can be; a trainer has most of them, so it is asked last.
std::string choice_of(const std::string& name, const StageRegistry& registry) {
  std::string text;
  for (const std::string& stage : registry.names())
    for (const Param& param : registry.find(stage)->spec.params())
      if (offers(param.type, name))
        text = fmt::format("`{}` is a choice for `{}` of `{}`: pipeline-run stages {}", name, param.name, stage, stage);
  return text;
}

[[noreturn]] void refuse(const std::string& name, const StageRegistry& registry) {
  const std::string choice = choice_of(name, registry);
  std::string help = choice.empty() ? did_you_mean(name, registry.names()) : said_of(name);
  for (const std::string& more :
       {choice, fmt::format("`pipeline-run stages {} --why` says where it was looked for", name)})
    if (!more.empty()) help += (help.empty() ? "" : help.ends_with('?') ? "  " : "; ") + more;
  throw Error(ErrorKind::usage, "unknown-stage", fmt::format("there is no stage `{}`", name), help);
}

int act_stages(const StagesOptions& options) {
  if (options.why) return report_plugin_search(options.stage, options.plugins, options.json);
  StageRegistry registry;
  load_plugins(options.plugins, registry);
  load_plugins_of_folders(registry, waiting_trial());
  if (options.markdown) {
    if (!options.stage.empty() && registry.find(options.stage) == nullptr) refuse(options.stage, registry);
    answer(stages_markdown(registry, options.stage));
    return 0;
  }
  if (options.stage.empty()) {
    options.json ? write_result(stages_json(registry)) : answer(list_text(registry));
    return 0;
  }
  const StageInfo* info = registry.find(options.stage);
  if (info == nullptr) refuse(options.stage, registry);
  options.json ? write_result(stage_json(*info)) : answer(stage_text(*info));
  return 0;
}

std::vector<std::string> stage_names(const TypedWords& typed) {
  StageRegistry registry;
  load_plugins(typed.plugins, registry);
  load_plugins_of_folders(registry);
  return registry.names();
}

std::string conflict(const StagesOptions& options) {
  if (options.why && options.stage.empty()) return "--why needs the name of a stage";
  if (options.markdown && (options.json || options.why))
    return fmt::format("--markdown and --{} are two answers: leave one of them out", options.json ? "json" : "why");
  return "";
}

const RegisteredVerb kStages(
    {.name = "stages",
     .group = VerbGroup::catalog,
     .summary = "the stages there are, or one with ports and parameters",
     .target = {.name = "NAME",
                .help = "A stage; all of them without it",
                .example = "batcher",
                .store = into(&StagesOptions::stage),
                .candidates = stage_names},
     .options = {json_option(),
                 {.name = "markdown", .help = "Print a page of Markdown", .store = into(&StagesOptions::markdown)},
                 {.name = "why",
                  .help = "Where NAME was looked for, and each plugin that was refused",
                  .store = into(&StagesOptions::why)},
                 plugin_option()},
     .examples = {"pipeline-run stages batcher"},
     .conflict = on_own(conflict)},
    act_stages);

}  // namespace

}  // namespace millrace::pipelines
