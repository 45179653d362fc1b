// Everything offered comes from the verbs' own data: their names, targets, options and the values of these.
#include "completion.hpp"

#include "command/options/verb.hpp"

#include <millrace/error.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Words = std::vector<std::string>;

const Verb& verb_of(const Words& words) {
  const Verb* verb = words.size() > 1 ? find_verb(words.front()) : nullptr;
  return verb == nullptr ? default_verb() : *verb;
}

Words spellings(const Option& option) {
  return option.letter.empty() ? Words{"--" + option.name} : Words{"--" + option.name, "-" + option.letter};
}

/// The option whose value the next word is; null when `word` is none or takes none.
const Option* waiting_option(const Verb& verb, const std::string& word) {
  for (const Option& option : verb.options) {
    const Words names = spellings(option);
    if (option.kind != ValueKind::flag && std::find(names.begin(), names.end(), word) != names.end()) return &option;
  }
  return nullptr;
}

/// `--name=value` as two words, wherever the verb has an option that takes the value.
Words with_values_apart(const Words& typed) {
  const Verb& verb = verb_of(typed);
  Words words;
  for (const std::string& word : typed) {
    const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const bool has_value = equals != std::string::npos && waiting_option(verb, word.substr(0, equals)) != nullptr;
    if (has_value) words.push_back(word.substr(0, equals));
    words.push_back(has_value ? word.substr(equals + 1) : word);
  }
  return words;
}

Words values_after(const Words& words, std::string_view option) {
  Words values;
  for (std::size_t i = 0; i + 2 < words.size(); ++i)
    if (words[i] == option) values.push_back(words[i + 1]);
  return values;
}

// The first word that is neither the verb, an option nor the value of one.
std::string target_of(const Verb& verb, const Words& words) {
  for (std::size_t i = words.front() == verb.name ? 1 : 0; i + 1 < words.size(); ++i) {
    if (waiting_option(verb, words[i]) != nullptr)
      ++i;
    else if (!words[i].starts_with("-"))
      return words[i];
  }
  return {};
}

Words options_to_offer(const Verb& verb) {
  Words all;
  for (const Option& option : verb.options)
    for (std::string& name : spellings(option)) all.push_back(std::move(name));
  return all;
}

Words candidates_of(const Words& words) {
  const Verb& verb = verb_of(words);
  const Words runs = values_after(words, "--runs");
  const TypedWords typed{target_of(verb, words), values_after(words, "--plugin"), runs.empty() ? "" : runs.back()};
  const Option* waiting = words.size() > 1 ? waiting_option(verb, words[words.size() - 2]) : nullptr;
  if (waiting != nullptr) return values_to_offer(*waiting, typed);
  Words all;
  if (words.back().starts_with("-"))
    all = options_to_offer(verb);
  else if ((typed.target.empty() || verb.target.takes_several) && verb.target.candidates)
    all = verb.target.candidates(typed);
  if (words.size() == 1)
    for (std::string& name : verb_names()) all.push_back(std::move(name));
  return all;
}

}  // namespace

std::string candidates(const Words& typed) {
  const Words words = typed.empty() ? Words{""} : with_values_apart(typed);
  const std::string before = typed.empty() ? "" : typed.back().substr(0, typed.back().size() - words.back().size());
  std::string text;
  try {
    for (const std::string& candidate : candidates_of(words))
      if (candidate == kFileCandidates)
        text += candidate + "\n";
      else if (candidate.starts_with(words.back()))
        text += before + candidate + "\n";
  } catch (const Error&) {  // a plugin or config that is not there yet: nothing to offer
  }
  return text;
}

}  // namespace millrace::pipelines
