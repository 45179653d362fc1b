// `pipeline-run completion SHELL`: a short script, which asks this program for what could come next.
#include "command/options/verb.hpp"

#include <millrace/error.hpp>

namespace millrace::pipelines {
namespace {

// COMPREPLY is what bash takes. The words are cut here: COMP_WORDS keeps quotes, cuts at each `=`, and does not end at the cursor.
constexpr const char* kBash = R"(# bash completion for pipeline-run: source <(pipeline-run completion bash)
# A word as the shell would pass it on, but for $ and `: only a leading ~/ is replaced, and nothing is run.
_pipeline_run_add() {
  [[ "$raw" == "~/"* ]] && word="$HOME${word:1}"
  words+=("$word")
}
# Cuts $1 into `words`. `cut` is what of the last one, `word`, readline leaves alone: what stands before an open quote, = or :
_pipeline_run_cut() {
  local rest="$1" char quote="" raw="" open=""
  words=() word="" cut=""
  while [[ -n "$rest" ]]; do
    char="${rest:0:1}" rest="${rest:1}"
    if [[ -z "$quote" && "$char" == [[:space:]] ]]; then
      [[ -n "$raw" ]] && _pipeline_run_add
      raw="" word="" cut=""
      continue
    fi
    raw+="$char"
    if [[ "$char" == \\ && ( -z "$quote" || ( "$quote" == \" && "${rest:0:1}" == [\\\"\$\`] ) ) ]]; then
      word+="${rest:0:1}" rest="${rest:1}"
    elif [[ -n "$quote" && "$char" == "$quote" ]]; then
      quote=""
    elif [[ -z "$quote" && "$char" == [\"\'] ]]; then
      quote="$char" open="$word"
    else
      word+="$char"
      [[ -z "$quote" && "$COMP_WORDBREAKS" == *"$char"* ]] && cut="$word"
    fi
  done
  [[ -n "$quote" ]] && cut="$open"
  words+=("$word")
}
_pipeline_run() {
  local line words word cut option=""
  _pipeline_run_cut "${COMP_LINE:0:COMP_POINT}"
  [[ "$word" == -*=* ]] && option="${word%%=*}="
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do
        line="$option$line"
        COMPREPLY+=("${line#"$cut"}")
      done < <(compgen -f -- "${word#"$option"}")
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
    if [[ "$line" == ":files" ]]; then
      [[ "${words[CURRENT]}" == --*=* ]] && compset -P '*='
      _files
    elif [[ "$line" == *[=.] ]]; then open+=("$line")
    else found+=("$line"); fi
  done < <("${(Q)words[1]/#\~\//$HOME/}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( ${#open} )) && compadd -S '' -- "${open[@]}"
  (( ${#found} )) && compadd -- "${found[@]}"
}
if [[ "${funcstack[1]}" == _pipeline_run ]]; then _pipeline_run "$@"; else compdef _pipeline_run pipeline-run; fi
)";

struct CompletionOptions : VerbOptions {
  std::string shell;
};

int act_completion(const CompletionOptions& options) {
  if (options.shell != "bash" && options.shell != "zsh")
    throw Error(ErrorKind::usage, "unknown-shell", "`" + options.shell + "` is no shell that can be served",
                "pipeline-run completion bash, or zsh");
  write_result(options.shell == "bash" ? kBash : kZsh);
  return 0;
}

const RegisteredVerb kCompletion({.name = "completion",
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
                                 act_completion);

}  // namespace
}  // namespace millrace::pipelines
