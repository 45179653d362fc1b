// `pipeline-run completion SHELL`: a short script, which asks this program for what could come next.
#include "command/options/verb.hpp"

#include <millrace/error.hpp>

namespace millrace::pipelines {
namespace {

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

struct CompletionOptions : VerbOptions {
  std::string shell;
};

int act(const CompletionOptions& options) {
  if (options.shell != "bash" && options.shell != "zsh")
    throw Error(ErrorKind::usage, "unknown-shell", "`" + options.shell + "` is no shell that can be served",
                "pipeline-run completion bash, or zsh");
  write_result(options.shell == "bash" ? kBash : kZsh);
  return 0;
}

const RegisteredVerb kVerb({.name = "completion",
                            .group = VerbGroup::program,
                            .summary = "a script that completes commands in bash or zsh",
                            .target = {.name = "SHELL",
                                       .help = "bash or zsh",
                                       .example = "bash",
                                       .missing = "no shell given: bash or zsh",
                                       .store = into(&CompletionOptions::shell),
                                       .candidates =
                                           [](const TypedWords&) {
                                             return std::vector<std::string>{"bash", "zsh"};
                                           }},
                            .examples = {"pipeline-run completion bash"}},
                           act);

}  // namespace
}  // namespace millrace::pipelines
