// A summary is one sentence, an option one line; the page of the program grows with the verbs alone.
#include "help_page.hpp"

#include <fmt/format.h>

#include <cctype>

namespace millrace::pipelines {
namespace {

std::string line(const std::string& word, const std::string& text) { return fmt::format("  {:<21} {}\n", word, text); }

std::string sentence(std::string text) {
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

// The target stands behind --help, in front of what it can be had with.
std::string options_text(const Verb& verb) {
  std::string text = line(spelling(verb.options.front()), verb.options.front().help);
  if (!verb.target.name.empty()) text += line(verb.target.name, verb.target.help);
  for (std::size_t i = 1; i < verb.options.size(); ++i) text += line(spelling(verb.options[i]), verb.options[i].help);
  return text;
}

// Names alone: with a line each there would be no room for the verbs.
std::string option_names(const Verb& verb) {
  constexpr std::size_t kColumns = 100;
  std::string text, row = " ";
  for (const Option& option : verb.options) {
    const std::string name =
        option.name == help_option().name
            ? ""
            : fmt::format("--{}{}{}", option.name, option.placeholder.empty() ? "" : " ", option.placeholder);
    if (row.size() + 1 + name.size() > kColumns) {
      text += row + "\n";
      row = " ";
    }
    if (!name.empty()) row += " " + name;
  }
  return text + row + "\n";
}

std::string verbs_text() {
  std::string text;
  for (const Verb& verb : verbs()) text += line(verb.name, verb.summary);
  return text;
}

std::string examples_text(const Verb& verb) {
  if (verb.examples.empty()) return {};
  std::string text = verb.examples.size() > 1 ? "\nExamples:\n" : "\nExample:\n";
  for (const std::string& example : verb.examples) text += fmt::format("  {}\n", example);
  return text;
}

}  // namespace

std::string help_page(const Verb& verb) {
  return fmt::format("usage: {}\n\n{}\n\nOptions:\n{}{}", usage_of(verb), sentence(verb.summary), options_text(verb),
                     examples_text(verb));
}

std::string program_page() {
  const Verb& verb = default_verb();
  return fmt::format(
      "usage: {}\n       {} VERB [options]\n\n{}, or do what a verb says\n\nOptions (pipeline-run help {} explains "
      "them):\n{}"
      "\nVerbs:\n{}"
      "\nExit codes: 0 done, 1 run failed, 2 usage, 3 config, 4 data, 5 device, 6 plugin, 7 output,\n"
      "  8 diverged, 75 stalled, 128+n stopped by signal n (a second signal ends it at once)\n"
      "\nExample: {}\n",
      usage_of(verb), command_of(verb), sentence(verb.summary), verb.name, option_names(verb), verbs_text(),
      verb.examples.front());
}

}  // namespace millrace::pipelines
