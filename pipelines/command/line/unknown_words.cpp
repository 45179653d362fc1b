// People come from other programs: their verbs are listed, their options are looked for among what --set takes.
#include "unknown_words.hpp"

#include "command/loading/named_config.hpp"
#include "command/loading/plugin_loading.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/settable_paths.hpp"
#include "diagnostics/suggestions.hpp"
#include "option_answers.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

namespace millrace::pipelines {
namespace {

struct Answer {
  std::vector<std::string_view> words;
  std::string_view text;  ///< CONFIG in it is the config that was given
};

const std::vector<Answer>& answers() {
  static const std::vector<Answer> kAnswers = {
      {{"train", "fit", "start", "exec"}, "write pipeline-run CONFIG: that trains what the file describes"},
      {{"validate", "lint", "verify"}, "write pipeline-run check CONFIG"},
      {{"summary", "describe", "info"}, "write pipeline-run plan CONFIG"},
      {{"eval", "evaluate", "test", "score"},
       "a run evaluates after each epoch: pipeline-run CONFIG; --set epochs=0 measures the initial weights"},
      {{"init", "new", "create", "scaffold"},
       "begin with a copy: pipeline-run show mnist_mlp > my.yaml; a stage of your own: pipeline-run new-stage NAME"},
      {{"data", "dataset", "datasets", "download"},
       "get a data set: pipeline-run fetch mnist; how data are read: pipeline-run stages idx_loader"},
      {{"ls", "list", "models", "layers"},
       "pipeline-run stages lists what a config can use, pipeline-run stages trainer the layers"},
      {{"tune", "sweep", "search", "hyperopt"},
       "there are no sweeps: start a run for each value: "
       "for x in 1e-3 1e-2; do pipeline-run mnist_mlp --set learn.optimizer.rmsprop.learning_rate=$x; done"}};
  return kAnswers;
}

bool takes_overrides(const Verb& verb) { return find_option(verb, "set") != nullptr; }

bool is_there(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is not there for us either
  return std::filesystem::exists(path, ignored);
}

// `epochs=1`, where a file would be written otherwise.
bool is_override(const std::string& word) {
  return word.find('=') != std::string::npos && word.front() != '=' && !is_there(word);
}

std::string without_dashes(const std::string& option) {
  return option.substr(std::min(option.find_first_not_of('-'), option.size()));
}

std::string set_instead_of(const std::string& option, const std::string& value, const std::string& config) {
  const std::string name = setting_name(option);
  if (name.empty()) return {};
  try {
    StageRegistry registry;
    load_plugins({}, registry);
    Diagnostics ignored;
    const bool is_file = !config.empty() && config != "-";
    const std::optional<DocNode> document = is_file ? read_document(config, ignored, own_config) : std::nullopt;
    return set_meant(name, value, document.value_or(DocNode{}), registry);
  } catch (const Error&) {  // a plugin that cannot be loaded is told where it is needed
    return {};
  }
}

std::string option_meant(const Verb& verb, const std::string& name) {
  std::vector<std::string> known;
  for (const Option& option : verb.options) known.push_back(option.name);
  return meant_by(without_dashes(name), known);
}

bool asks_for_version(const std::string& option) { return option == "-v" || option == "-V" || option == "--version"; }

std::string with_config(std::string_view text, const std::string& config) {
  constexpr std::string_view kMark = "CONFIG";
  const std::size_t at = text.find(kMark);
  if (at == std::string_view::npos) return std::string(text);
  return fmt::format("{}{}{}", text.substr(0, at), config, text.substr(at + kMark.size()));
}

std::vector<std::string> first_words() {
  std::vector<std::string> words = verb_names();
  for (std::string& name : config_names()) words.push_back(std::move(name));
  return words;
}

}  // namespace

std::string instead_of_option(const Verb& verb, const std::string& word, const std::string& next,
                              const std::string& target) {
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  if (asks_for_version(name)) return "write pipeline-run version; `--version` is understood as the first word only";
  const std::string value = equals != std::string::npos ? word.substr(equals + 1) : next.starts_with('-') ? "" : next;
  const std::string meant = option_meant(verb, name);
  std::string help = meant.empty() ? "" : suggestion({"--" + meant});
  const std::string set = takes_overrides(verb) ? set_instead_of(name, value, config_path(target)) : "";
  if (set.empty() && takes_overrides(verb))
    if (std::string said = option_elsewhere(name); !said.empty()) return said;
  if (set.empty()) return help;
  return help.empty() || name.size() < 4 ? set : fmt::format("{}; {}", set, help);
}

std::string instead_of_extra(const Verb& verb, const std::string& word) {
  if (!takes_overrides(verb)) return {};
  if (is_override(word)) return fmt::format("to override a value write --set {}", word);
  if (word.find_first_of("{}[]") != std::string::npos)
    return "the shell cuts a value at its spaces and reads its brackets: write --set 'PATH={...}' in quotes";
  return {};
}

std::string instead_of_verb(const std::string& word, const std::string& config) {
  if (is_override(word)) return fmt::format("the config comes first: pipeline-run CONFIG --set {}", word);
  for (const Answer& answer : answers())
    if (std::find(answer.words.begin(), answer.words.end(), word) != answer.words.end())
      return with_config(answer.text, config);
  const std::vector<std::string> names = config_names();
  if (word == "configs" || word == "config" || word == "examples")
    return fmt::format("configs that come with Millrace: {}; pipeline-run show NAME prints one", name_list(names));
  if (std::string meant = did_you_mean(word, first_words()); !meant.empty()) return meant;
  const auto begins = [&](const std::string& name) { return name.starts_with(word); };
  if (const auto one = std::find_if(names.begin(), names.end(), begins); one != names.end())
    return with_list(suggestion({*one}), "configs", names);
  return fmt::format("configs: {}; verbs: {}", name_list(names), name_list(verb_names()));
}

}  // namespace millrace::pipelines
