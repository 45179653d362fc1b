// `pipeline-run help [VERB]`: what --help prints; and everything at once, for the reference in docs and for programs.
#include "command/line/commands_json.hpp"
#include "command/line/commands_markdown.hpp"
#include "command/line/help_page.hpp"
#include "command/options/verb.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

struct HelpOptions : VerbOptions {
  const Verb* verb = nullptr;  ///< null: the program
  bool markdown = false;
};

void take_verb(VerbOptions& options, const std::string& name) {
  if (find_verb(name) == nullptr)
    throw Error(ErrorKind::usage, "unknown-verb", fmt::format("`{}` is no verb", name),
                did_you_mean(name, verb_names()));
  dynamic_cast<HelpOptions&>(options).verb = find_verb(name);
}

int act_help(const HelpOptions& options) {
  if (options.json || options.markdown)
    write_result(options.json ? commands_json() : commands_markdown());
  else
    write_result(options.verb == nullptr ? program_page() : help_page(*options.verb));
  return 0;
}

std::string conflict(const HelpOptions& options) {
  if (options.json && options.markdown) return "--json and --markdown are two answers: leave one of them out";
  if (options.verb == nullptr || !(options.json || options.markdown)) return "";
  return fmt::format("--{} is of all verbs: leave out `{}`", options.json ? "json" : "markdown", options.verb->name);
}

const RegisteredVerb kHelp({.name = "help",
                            .group = VerbGroup::program,
                            .summary = "all verbs, or what one of them takes",
                            .target = {.name = "VERB",
                                       .help = "A verb; all of them without it",
                                       .example = "check",
                                       .store = take_verb,
                                       .candidates = [](const TypedWords&) { return verb_names(); }},
                            .options = {json_option(),
                                        {.name = "markdown",
                                         .help = "Print the reference of all verbs",
                                         .store = into(&HelpOptions::markdown)}},
                            .examples = {"pipeline-run help check"},
                            .conflict = on_own(conflict)},
                           act_help);

}  // namespace
}  // namespace millrace::pipelines
