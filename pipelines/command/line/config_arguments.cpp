// Also what is offered while a path after --set is typed: every value of the config that can be set.
#include "config_arguments.hpp"

#include "command/loading/checked_config.hpp"
#include "command/loading/config_options.hpp"
#include "command/loading/named_config.hpp"
#include "config/params/config_schema.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint64_t kMostThreads = 1024;

// Records go on with a point.
void add_paths(const std::string& prefix, const std::vector<Param>& params, Words& paths) {
  for (const Param& param : params) {
    const bool is_open = param.type.kind() == ParamType::Kind::record || param.type.kind() == ParamType::Kind::one_of ||
                         param.type.kind() == ParamType::Kind::map;
    const bool is_list = param.type.kind() == ParamType::Kind::list;
    paths.push_back(prefix + param.name + (is_open ? "." : is_list ? "" : "="));
    if (param.type.kind() == ParamType::Kind::record) add_paths(prefix + param.name + ".", param.type.params(), paths);
    if (param.type.kind() == ParamType::Kind::one_of)
      for (const Alternative& choice : param.type.alternatives())
        add_paths(prefix + param.name + "." + choice.name + ".", choice.params, paths);
  }
}

// Budgets are for sources only.
void add_run_paths(const std::string& node, bool is_source, Words& paths) {
  std::vector<Param> params = run_params();
  if (!is_source) std::erase_if(params, [](const Param& p) { return p.name == "blocks" || p.name == "bytes"; });
  add_paths(node + ".run.", params, paths);
}

void add_node_paths(const CheckedConfig& checked, Words& paths) {
  for (const NodeSpec& node : checked.spec.nodes) {
    const StageInfo* stage = checked.registry.find(node.stage);
    if (stage == nullptr) continue;
    add_paths(node.name + ".", stage->spec.params(), paths);
    add_run_paths(node.chain.empty() ? node.name : node.chain, stage->kind == StageKind::source, paths);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());  // of a chain's stages, which share one `run`
}

// Top-level keys, and the parameters of each node.
Words settable_values(const TypedWords& typed) {
  Words paths;
  add_paths("", top_level_params(), paths);
  ConfigOptions options;
  options.config = config_path(typed.target);
  if (options.config.empty() || typed.target == "-") return paths;
  options.plugins = typed.plugins;
  options.no_plugins = true;  // a press of a key loads no plugin that the config names
  add_node_paths(*check_config(options), paths);
  return paths;
}

/// An option that stands for `--set KEY=VALUE`.
auto as_override(const std::string& key) {
  return [key](VerbOptions& options, const std::string& value) {
    dynamic_cast<ConfigOptions&>(options).overrides.push_back({key + "=" + value, "command line, --" + key});
  };
}

// Numbered, because an error of its value names it.
void add_set(VerbOptions& options, const std::string& text) {
  constexpr const char* kOrigin = "command line, --set #";
  auto& overrides = dynamic_cast<ConfigOptions&>(options).overrides;
  const auto sets = std::count_if(overrides.begin(), overrides.end(),
                                  [](const Override& override) { return override.origin.starts_with(kOrigin); });
  overrides.push_back({text, fmt::format("{}{}", kOrigin, sets + 1)});
}

std::vector<Option> override_options() {
  return {set_option(),
          {.name = "strict", .help = "Take warnings for errors", .store = into(&ConfigOptions::strict)},
          threads_option(),
          {.name = "device",
           .kind = ValueKind::text,
           .placeholder = "NAME",
           .help = "auto, cpu, cuda or cuda:N",
           .example = "cpu",
           .choices = {"auto", "cpu", "cuda"},
           .store = as_override("device")}};
}

std::vector<Option> trust_options() {
  return {plugin_option(),
          {.name = "no-plugins",
           .help = "Run no code of plugins that the config names",
           .store = into(&ConfigOptions::no_plugins)},
          {.name = "strict-paths",
           .help = "Read nothing outside of the config's folder",
           .store = into(&ConfigOptions::strict_paths)}};
}

void take_config(VerbOptions& options, const std::string& target) {
  const std::string path = config_path(target);
  if (path.empty())
    throw Error(ErrorKind::usage, "unknown-config",
                fmt::format("`{}` is neither a file nor a config that comes with Millrace", target),
                did_you_mean(target, config_names(), "configs"));
  dynamic_cast<ConfigOptions&>(options).config = path;
}

}  // namespace

Target config_target() {
  return {.name = "CONFIG",
          .help = "A YAML file, the name of one of Millrace's own, or - for standard input",
          .example = "mnist_mlp",
          .missing = "no config given",
          .store = take_config,
          .candidates = [](const TypedWords&) {
            Words words = config_names();
            words.push_back(kFileCandidates);
            return words;
          }};
}

std::vector<Option> config_options(const std::vector<Option>& own) {
  return joined({override_options(), own, trust_options()});
}

Option set_option() {
  return {.name = "set",
          .letter = "s",
          .kind = ValueKind::text,
          .placeholder = "PATH=VALUE",
          .help = "Override a value: epochs=1, train_batches.batch_size=128",
          .example = "epochs=1",
          .store = add_set,
          .candidates = settable_values};
}

Option threads_option() {
  return {.name = "threads",
          .kind = ValueKind::count,
          .placeholder = "N",
          .help = fmt::format("Threads: 1 to {}, or auto; no more than cores, or 8", kMostThreads),
          .example = "4",
          .choices = {"auto"},
          .range = {1, kMostThreads},
          .store = as_override("threads")};
}

Option plugin_option() {
  return {.name = "plugin",
          .kind = ValueKind::file,
          .placeholder = "FILE",
          .help = "Load a plugin: its file, or its name in a plugin folder (repeatable)",
          .example = "random_affine",
          .store = into(&PluginOptions::plugins)};
}

}  // namespace millrace::pipelines
