#include "completion.hpp"

#include "command/loading/checked_config.hpp"
#include "command/loading/named_config.hpp"
#include "command/terminal/terminal.hpp"
#include "command_line.hpp"
#include "config/spec/config_schema.hpp"
#include "plugins/plugin_search.hpp"

#include <millrace/dataset.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kFiles = ":files";

// COMPREPLY is what bash takes; the words come as bash cuts them, where `=` is a word of its own.
constexpr const char* kBash = R"(# bash completion for pipeline-run: source <(pipeline-run completion bash)
_pipeline_run() {
  local line words=() word
  local typed="${COMP_LINE:0:COMP_POINT}"
  read -r -a words <<< "$typed"
  [[ "$typed" == *[[:space:]] ]] && words+=("")
  word="${words[${#words[@]}-1]}"
  local cut="${word%"${word##*[=:]}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${word##*=}")
    else
      COMPREPLY+=("${line#"$cut"}")
    fi
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  [[ ${#COMPREPLY[@]} == 1 && "${COMPREPLY[0]}" == *[=.] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _pipeline_run pipeline-run
)";

constexpr const char* kZsh = R"(#compdef pipeline-run
# zsh completion for pipeline-run: source <(pipeline-run completion zsh), or a file _pipeline_run in a folder of fpath
_pipeline_run() {
  local line; local -a found open
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then _files
    elif [[ "$line" == *[=.] ]]; then open+=("$line")
    else found+=("$line"); fi
  done < <("${words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( ${#open} )) && compadd -S '' -- "${open[@]}"
  (( ${#found} )) && compadd -- "${found[@]}"
}
if [[ "${funcstack[1]}" == _pipeline_run ]]; then _pipeline_run "$@"; else compdef _pipeline_run pipeline-run; fi
)";

const Verb* verb_of(const Words& words) {
  for (const Verb& verb : verbs())
    if (words.size() > 1 && verb.name == words.front()) return &verb;
  return &verbs().front();
}

Words stage_names(const Words& plugins) {
  StageRegistry registry;
  load_plugins(plugins, registry);
  load_plugins_of_folders(registry);
  return registry.names();
}

Words values_after(const Words& words, std::string_view option) {
  Words values;
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == option && i + 2 < words.size()) values.push_back(words[i + 1]);
  return values;
}

// What can be set: top-level keys, and for each node its parameters; records go on with a point.
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

Words paths_of(const std::string& config, const Words& plugins) {
  Words paths;
  add_paths("", top_level_params(), paths);
  CommandOptions options;
  options.target = config_path(config);
  if (options.target.empty() || config == "-") return paths;
  options.plugins = plugins;
  options.no_plugins = true;  // a press of a key runs nobody's code
  const auto checked = check_config(options);
  for (const NodeSpec& node : checked->spec.nodes) {
    const StageInfo* stage = checked->registry.find(node.stage);
    if (stage == nullptr) continue;
    add_paths(node.name + ".", stage->spec.params(), paths);
    add_run_paths(node.chain.empty() ? node.name : node.chain, stage->kind == StageKind::source, paths);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());  // of a chain's stages, which share one `run`
  return paths;
}

// The first word that is neither the verb, an option nor the value of one.
std::string target_of(const Verb& verb, const Words& words) {
  const std::vector<OptionName> options = options_of(verb);
  const auto takes_value = [&](const std::string& word) {
    return std::any_of(options.begin(), options.end(), [&](const auto& o) { return o.name == word && o.takes_value; });
  };
  for (std::size_t i = words.front() == verb.name ? 1 : 0; i + 1 < words.size(); ++i) {
    if (takes_value(words[i]))
      ++i;
    else if (!words[i].starts_with("-"))
      return words[i];
  }
  return {};
}

Words values_of(const std::string& option, const Verb& verb, const Words& words) {
  if (option == "--device") return {"auto", "cpu", "cuda"};
  if (option == "--color") return {"auto", "always", "never"};
  if (option == "--format") return {"dot", "mermaid"};
  if (option == "--kind") return {"transform", "serial", "source"};
  if (option == "--set" || option == "-s") return paths_of(target_of(verb, words), values_after(words, "--plugin"));
  if (option == "--plugin" || option == "--to") return {kFiles};
  return {};
}

Words with_files(Words names) {
  names.push_back(kFiles);
  return names;
}

Words targets_of(const Verb& verb, const Words& words) {
  switch (verb.target) {
    case Target::config:
      return with_files(config_names());
    case Target::optional_stage:
      return stage_names(values_after(words, "--plugin"));
    case Target::dataset:
      return dataset_names();
    case Target::shell:
      return {"bash", "zsh"};
    case Target::plugin:
      return {"built-in", kFiles};
    case Target::new_stage:
    case Target::none:
      break;
  }
  return {};
}

Words verb_names() {
  Words names;
  for (const Verb& verb : verbs()) names.emplace_back(verb.name);
  return names;
}

// Beside the verbs: pages of the program itself.
void add_first_words(Words& all) {
  for (std::string& name : verb_names()) all.push_back(std::move(name));
  all.insert(all.end(), {"help", "version"});
}

Words candidates_of(const Words& words) {
  if (words.size() > 1 && words.front() == "help") return words.size() == 2 ? verb_names() : Words{};
  const Verb& verb = *verb_of(words);
  const std::string before = words.size() > 1 ? words[words.size() - 2] : "";
  for (const OptionName& option : options_of(verb))
    if (option.name == before && option.takes_value) return values_of(before, verb, words);
  Words all;
  if (words.back().starts_with("-"))
    for (const OptionName& option : options_of(verb)) all.push_back(option.name);
  else if (target_of(verb, words).empty())
    all = targets_of(verb, words);
  if (words.size() == 1) add_first_words(all);
  return all;
}

}  // namespace

std::string candidates(const Words& typed) {
  const Words words = typed.empty() ? Words{""} : typed;
  std::string text;
  try {
    for (const std::string& candidate : candidates_of(words))
      if (candidate == kFiles || candidate.starts_with(words.back())) text += candidate + "\n";
  } catch (const Error&) {  // a plugin or config that is not there yet: nothing to offer
  }
  return text;
}

int completion_verb(const CommandOptions& options) {
  if (options.target != "bash" && options.target != "zsh")
    throw Error(ErrorKind::usage, "unknown-shell", "`" + options.target + "` is no shell that can be served",
                "pipeline-run completion bash, or zsh");
  write_result(options.target == "bash" ? kBash : kZsh);
  return 0;
}

}  // namespace millrace::pipelines
