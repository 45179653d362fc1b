// Options that several verbs take stand in one table at the end: with each verb they would hide its own.
#include "commands_markdown.hpp"

#include "command/options/verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace millrace::pipelines {
namespace {

bool has(const Verb& verb, const Option& option) {
  const Option* own = find_option(verb, option.name);
  return own != nullptr && own->help == option.help;
}

std::vector<std::string> verbs_with(const Option& option) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs())
    if (has(verb, option)) names.push_back(fmt::format("`{}`", verb.name));
  return names;
}

bool is_shared(const Option& option) { return verbs_with(option).size() > 1; }

// A bar would end the cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

// As a shell wants it.
std::string typed(const std::string& value) {
  return value.find_first_of(" {}[]") == std::string::npos ? value : fmt::format("'{}'", value);
}

std::string option_cells(const Option& option) {
  const std::string example =
      option.example.empty() ? "" : fmt::format("`--{} {}`", option.name, typed(option.example));
  return fmt::format("| `{}` | {} | {} |", spelling(option), cell(option.help), cell(example));
}

std::string own_options(const Verb& verb) {
  std::string rows;
  if (!verb.target.name.empty())
    rows += fmt::format("| `{}` | {} | `{}` |\n", verb.target.name, cell(verb.target.help), verb.target.example);
  for (const Option& option : verb.options)
    if (!is_shared(option)) rows += option_cells(option) + "\n";
  return rows.empty() ? "" : "\n| | | for example |\n|---|---|---|\n" + rows;
}

std::string examples(const Verb& verb) {
  std::string text = "\n```sh\n";
  for (const std::string& example : verb.examples) text += example + "\n";
  return text + "```\n";
}

std::string verb_section(const Verb& verb) {
  return fmt::format("\n### {}\n\n`{}`: {}.\n{}{}", verb.name, usage_of(verb), verb.summary, own_options(verb),
                     examples(verb));
}

std::string who(const Option& option) {
  const std::vector<std::string> names = verbs_with(option);
  return names.size() == verbs().size() ? "all" : fmt::format("{}", fmt::join(names, ", "));
}

std::string shared_options() {
  std::string text = "\n## Options of several verbs\n\n| | | for example | verbs |\n|---|---|---|---|\n";
  std::vector<std::string> told;
  for (const Verb& verb : verbs())
    for (const Option& option : verb.options)
      if (is_shared(option) && std::find(told.begin(), told.end(), option.name + option.help) == told.end()) {
        told.push_back(option.name + option.help);
        text += fmt::format("{} {} |\n", option_cells(option), who(option));
      }
  return text;
}

}  // namespace

std::string commands_markdown() {
  std::string text =
      "# Commands\n\nWhat `pipeline-run` can be told. Made from the verbs' own descriptions by `pipeline-run help "
      "--markdown`; a test compares.\n";
  std::optional<VerbGroup> group;
  for (const Verb& verb : verbs()) {
    if (group != verb.group) text += fmt::format("\n## {}\n", heading_of(verb.group));
    group = verb.group;
    text += verb_section(verb);
  }
  return text + shared_options();
}

}  // namespace millrace::pipelines
