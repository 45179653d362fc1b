#include "command_line.hpp"

#include "command/loading/named_config.hpp"
#include "completion.hpp"
#include "diagnostics/suggestions.hpp"
#include "unknown_words.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

constexpr int kMaxThreads = 1024;

const Verb* find_verb(std::string_view name) {
  for (const Verb& verb : verbs())
    if (verb.name == name) return &verb;
  return nullptr;
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const Verb& verb : verbs()) names.emplace_back(verb.name);
  return names;
}

std::string program_of(const Verb& verb) {
  return verb.act == run_verb ? "pipeline-run" : fmt::format("pipeline-run {}", verb.name);
}

std::string usage_of(const Verb& verb) {
  const char* targets[] = {" CONFIG", " [NAME]", " DATASET", " SHELL", " NAME", " PLUGIN[:NAME]", ""};
  return fmt::format("usage: {}{} [options]", program_of(verb), targets[static_cast<std::size_t>(verb.target)]);
}

[[noreturn]] void fail(const Verb& verb, std::string name, std::string message, std::string help = {}) {
  Error error(ErrorKind::usage, std::move(name), std::move(message), std::move(help));
  error.add_note(fmt::format("{}  ({} --help)", usage_of(verb), program_of(verb)));
  throw error;
}

bool is_there(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is not there for us either
  return std::filesystem::exists(path, ignored);
}

// `epochs=1`, where a file would be written otherwise.
bool is_override(const std::string& word) {
  return word.find('=') != std::string::npos && word.front() != '=' && !is_there(word);
}

/// One verb's parser. Values are stored as they come, so that `--set` and `--threads` keep their order.
class VerbParser {
 public:
  explicit VerbParser(const Verb& verb) : verb_(verb), app_("", program_of(verb)) {
    app_.set_help_flag("");
    app_.allow_extras();
    app_.add_flag("-h,--help", wants_help_, "Print this help");
    add_target();
    if (verb.takes_overrides) add_overrides();
    if (verb.takes_json) app_.add_flag("--json", options_.json, "Print one JSON object on standard output");
    add_own();
    if (verb.target == Target::config || verb.target == Target::optional_stage || verb.target == Target::none)
      each("--plugin", "FILE", "Load a plugin: its file, or its name in a plugin folder (repeatable)",
           [this](const std::string& file) { options_.plugins.push_back(file); });
    if (verb.target == Target::config) add_refusals();
    add_color();
  }

  ParsedCommand parse(std::vector<std::string> arguments);
  std::vector<OptionName> options() const;

 private:
  using Take = std::function<void(const std::string&)>;

  // One value each time the option is written; CLI11's vector options would swallow the config as a second value.
  void each(const std::string& names, const std::string& value, const std::string& doc, const Take& take) {
    app_.add_option_function<std::string>(names, take, doc)->trigger_on_parse()->type_name(value)->expected(1);
  }
  void add_target();
  void add_overrides();
  void add_own();
  void add_refusals();
  void add_color();
  void take_threads(const std::string& text);
  void take_every(const std::string& text);
  void take_timeout(const std::string& text);
  void refuse_extras() const;
  void refuse_option(const std::vector<std::string>& words, std::size_t index) const;
  void take_plain(std::vector<std::string> words);
  void require_target() const;
  void find_config();
  std::string help() const;

  const Verb& verb_;
  CLI::App app_;
  CommandOptions options_;
  bool wants_help_ = false;
  int sets_ = 0;
};

void VerbParser::add_target() {
  switch (verb_.target) {
    case Target::config:
      app_.add_option("CONFIG", options_.target,
                      "A YAML file, the name of one of Millrace's own, or - for standard input")
          ->type_name("");
      break;
    case Target::optional_stage:
      app_.add_option("NAME", options_.target, "A stage; all of them without it")->type_name("");
      break;
    case Target::dataset:
      app_.add_option("DATASET", options_.target, "mnist or fashion_mnist")->type_name("");
      break;
    case Target::shell:
      app_.add_option("SHELL", options_.target, "bash or zsh")->type_name("");
      break;
    case Target::new_stage:
      app_.add_option("NAME", options_.target, "Name of the stage, and of the folder that is made here")->type_name("");
      break;
    case Target::plugin:
      app_.add_option("PLUGIN", options_.target,
                      "A plugin's file, its name in a plugin folder, or built-in; :NAME for one of its stages")
          ->type_name("");
      break;
    case Target::none:
      break;
  }
}

void VerbParser::add_overrides() {
  each("-s,--set", "PATH=VALUE", "Override a value: epochs=1, train_batches.batch_size=128",
       [this](const std::string& text) {
         options_.overrides.push_back({text, fmt::format("command line, --set #{}", ++sets_)});
       });
  app_.add_flag("--strict", options_.strict, "Take warnings for errors");
  each("--threads", "N", fmt::format("Threads: 1 to {}, or auto", kMaxThreads),
       [this](const std::string& text) { take_threads(text); });
  each("--device", "NAME", "auto, cpu, cuda or cuda:N", [this](const std::string& text) {
    options_.overrides.push_back({"device=" + text, "command line, --device"});
  });
}

void VerbParser::take_threads(const std::string& text) {
  int threads = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (text != "auto" && (!is_number || threads < 1 || threads > kMaxThreads))
    fail(verb_, "wrong-arguments", fmt::format("`--threads {}`: not a number from 1 to {}", text, kMaxThreads));
  options_.overrides.push_back({"threads=" + text, "command line, --threads"});
}

void VerbParser::take_every(const std::string& text) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options_.every);
  if (error != std::errc() || end != text.data() + text.size() || options_.every < 1)
    fail(verb_, "wrong-arguments", fmt::format("`--every {}`: not a positive number of epochs", text));
}

void VerbParser::take_timeout(const std::string& text) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 1)
    fail(verb_, "wrong-arguments", fmt::format("`--timeout {}`: not a positive number of seconds", text));
  options_.timeout = std::chrono::seconds(seconds);
}

void VerbParser::add_own() {
  if (verb_.act == run_verb) {
    app_.add_flag("--dry-run", options_.dry_run, "Do all but the run: read, check, print the plan");
    app_.add_flag("-q,--quiet", options_.quiet, "No progress and no summary; errors and what stages print");
    each("--every", "N", "One line for every N epochs, and one for the last",
         [this](const std::string& text) { take_every(text); });
    app_.add_flag("--alone", options_.alone, "A run of one process, also when mpirun or srun starts several");
  }
  if (verb_.act == graph_verb) {
    options_.format = "dot";
    app_.add_option("--format", options_.format, "dot (the default) or mermaid")
        ->type_name("NAME")
        ->check(CLI::IsMember({"dot", "mermaid"}, CLI::ignore_case));
  }
  if (verb_.act == new_stage_verb) {
    app_.add_option("--kind", options_.kind, "transform (the default), serial or source")
        ->type_name("NAME")
        ->check(CLI::IsMember({"transform", "serial", "source"}));
    app_.add_flag("--cuda", options_.cuda, "With a kernel for NVIDIA GPUs; a transform only");
  }
  if (verb_.act == test_stage_verb) {
    app_.add_option("--with", options_.with, "Parameters, beside and instead of those of the stage's example")
        ->type_name("YAML");
    app_.add_option("--seed", options_.seed, "Of the random inputs; 42 when absent")->type_name("N");
    each("--timeout", "SECONDS", "The longest that one check may take; 60 when absent",
         [this](const std::string& text) { take_timeout(text); });
  }
  if (verb_.act == stages_verb) {
    app_.add_flag("--markdown", options_.markdown, "Print a page of Markdown");
    app_.add_flag("--why", options_.why, "Where NAME was looked for, and each plugin that was refused");
  }
  if (verb_.act == fetch_verb) {
    each("--from", "URL", "Base address instead of the mirrors (repeatable, tried in order)",
         [this](const std::string& address) { options_.from_addresses.push_back(address); });
    app_.add_option("--to", options_.to_folder, "Folder to put the files into")->type_name("DIR");
    app_.add_flag("-q,--quiet", options_.quiet, "Errors only");
  }
}

void VerbParser::add_refusals() {
  app_.add_flag("--no-plugins", options_.no_plugins, "Run no code of plugins that the config names");
  app_.add_flag("--strict-paths", options_.strict_paths, "Read nothing outside of the config's folder");
}

void VerbParser::add_color() {
  each("--color", "WHEN", "auto, always or never", [this](const std::string& text) {
    if (text == "auto")
      options_.color = ColorChoice::automatic;
    else if (text == "always")
      options_.color = ColorChoice::always;
    else if (text == "never")
      options_.color = ColorChoice::never;
    else
      fail(verb_, "wrong-arguments", fmt::format("`--color {}`: not auto, always or never", text));
  });
}

std::string VerbParser::help() const {
  std::string text = fmt::format("{}\n\n{}\n\nOptions:\n", usage_of(verb_), verb_.summary);
  text[text.find("\n\n") + 2] = static_cast<char>(std::toupper(verb_.summary[0]));
  for (const CLI::Option* option : app_.get_options()) {
    const std::string name = option->get_name(option->get_positional(), true);
    const std::string value = option->get_positional() ? "" : option->get_type_name();
    text += fmt::format("  {:<21} {}\n", name + (value.empty() ? "" : " ") + value, option->get_description());
  }
  if (verb_.act == run_verb) {
    text += "\nVerbs:\n";
    for (const Verb& verb : verbs())
      if (verb.act != run_verb) text += fmt::format("  {:<21} {}\n", verb.name, verb.summary);
    text += "  help [VERB], version  this page, or that of a verb; the program's version\n";
    text +=
        "\nExit codes: 0 done, 1 run failed, 2 usage, 3 config, 4 data, 5 device, 6 plugin, 7 output,\n"
        "  8 diverged, 75 stalled, 128+n stopped by signal n (a second signal ends it at once)\n";
  }
  text += verb_.examples.size() > 1 ? "\nExamples:\n" : "\nExample:\n";
  for (const char* example : verb_.examples) text += fmt::format("  {}\n", example);
  return text;
}

void VerbParser::refuse_option(const std::vector<std::string>& words, std::size_t index) const {
  std::vector<std::string> known;
  for (const CLI::Option* option : app_.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back(name);
  const std::string& word = words[index];
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals), next = index + 1 < words.size() ? words[index + 1] : "";
  const std::string value = equals != std::string::npos ? word.substr(equals + 1) : next.starts_with('-') ? "" : next;
  const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  const std::string meant = name == "-v" || name == "-V" ? "version" : meant_by(bare, known);
  std::string help = meant.empty() ? "" : fmt::format("did you mean `--{}`?", meant);
  if (const std::string set = verb_.takes_overrides ? set_instead_of(name, value, config_path(options_.target)) : "";
      !set.empty())
    help = help.empty() || name.size() < 4 ? set : fmt::format("{}; {}", set, help);
  fail(verb_, "unknown-option", fmt::format("unknown option `{}`", word), help);
}

void VerbParser::refuse_extras() const {
  const std::vector<std::string> words = app_.remaining();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& extra = words[i];
    if (extra.size() > 1 && extra[0] == '-') refuse_option(words, i);
    if (verb_.takes_overrides && is_override(extra))
      fail(verb_, "wrong-arguments", fmt::format("one argument too many: `{}`", extra),
           fmt::format("to override a value write --set {}", extra));
    if (verb_.takes_overrides && extra.find_first_of("{}[]") != std::string::npos)
      fail(verb_, "wrong-arguments", fmt::format("one argument too many: `{}`", extra),
           "the shell cuts a value at its spaces and reads its brackets: write --set 'PATH={...}' in quotes");
    if (const Verb* late = find_verb(find_verb(extra) != nullptr ? extra : options_.target); late != nullptr)
      fail(*late, "wrong-arguments", "a verb comes first, before all options");
    fail(verb_, "wrong-arguments", fmt::format("one argument too many: `{}`", extra));
  }
}

void VerbParser::require_target() const {
  const char* missing[] = {
      "no config given", "", "no data set given", "no shell given: bash or zsh", "no name given for the stage",
      "no plugin given", ""};
  const std::string text = missing[static_cast<std::size_t>(verb_.target)];
  if (options_.target.empty() && !text.empty()) fail(verb_, "wrong-arguments", text);
}

void VerbParser::find_config() {
  if (verb_.target != Target::config) return;
  const std::string path = config_path(options_.target);
  if (path.empty())
    fail(verb_, "unknown-config",
         fmt::format("`{}` is neither a file nor a config that comes with Millrace", options_.target),
         did_you_mean(options_.target, config_names(), "configs"));
  options_.target = path;
}

std::vector<OptionName> VerbParser::options() const {
  std::vector<OptionName> found;
  for (const CLI::Option* option : app_.get_options()) {
    const bool takes_value = option->get_expected_max() > 0 && !option->get_type_name().empty();
    for (const std::string& name : option->get_lnames()) found.push_back({"--" + name, takes_value});
    for (const std::string& name : option->get_snames()) found.push_back({"-" + name, takes_value});
  }
  return found;
}

// What follows `--` is no option, whatever it looks like.
void VerbParser::take_plain(std::vector<std::string> words) {
  const bool takes_target = verb_.target != Target::none;
  if (takes_target && options_.target.empty() && !words.empty()) {
    options_.target = words.front();
    words.erase(words.begin());
  }
  if (!words.empty()) fail(verb_, "wrong-arguments", fmt::format("one argument too many: `{}`", words.front()));
}

ParsedCommand VerbParser::parse(std::vector<std::string> arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  std::vector<std::string> plain(end == arguments.end() ? end : end + 1, arguments.end());
  arguments.erase(end, arguments.end());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app_.parse(std::move(arguments));
  } catch (const CLI::Error& error) {
    fail(verb_, "wrong-arguments", error.what());
  }
  if (wants_help_) return {nullptr, {}, help()};
  refuse_extras();
  take_plain(std::move(plain));
  require_target();
  find_config();
  if (options_.why && options_.target.empty()) fail(verb_, "wrong-arguments", "--why needs the name of a stage");
  if (options_.cuda && options_.kind != "transform")
    fail(verb_, "wrong-arguments", fmt::format("--cuda writes a transform, not a {}", options_.kind));
  return {&verb_, std::move(options_), {}};
}

// A word that is neither a verb nor looks like a file is a mistyped verb.
bool looks_like_verb(const std::string& word) {
  return !word.empty() && word[0] != '-' && word.find_first_of("./") == std::string::npos && config_path(word).empty();
}

std::vector<std::string> first_words() {
  std::vector<std::string> words = verb_names();
  for (std::string& name : config_names()) words.push_back(std::move(name));
  return words;
}

std::string version_text() {
  const BuildInfo build = build_info();
  return fmt::format("pipeline-run {} ({}, {}, oneDNN {})\n", build.version, build.compiler, build.flags, build.onednn);
}

std::string help_of(const std::string& name) {
  const Verb* verb = name.empty() ? &verbs().front() : find_verb(name);
  if (verb == nullptr)
    fail(verbs().front(), "unknown-verb", fmt::format("`{}` is no verb", name), did_you_mean(name, verb_names()));
  return VerbParser(*verb).parse({"--help"}).output;
}

// What the verb is called here.
std::string help_for_verb(const std::string& word, const std::string& config) {
  if (is_override(word)) return fmt::format("the config comes first: pipeline-run CONFIG --set {}", word);
  for (const char* trains : {"train", "fit", "start", "exec"})
    if (word == trains) return fmt::format("write pipeline-run {}: that trains what the file describes", config);
  for (const char* checks : {"validate", "lint", "verify"})
    if (word == checks) return fmt::format("write pipeline-run check {}", config);
  for (const char* plans : {"summary", "describe", "info"})
    if (word == plans) return fmt::format("write pipeline-run plan {}", config);
  for (const char* judges : {"eval", "evaluate", "test", "score"})
    if (word == judges)
      return fmt::format(
          "a run evaluates after each epoch: pipeline-run {}; --set epochs=0 measures the initial weights", config);
  for (const char* begins : {"init", "new", "create", "scaffold"})
    if (word == begins)
      return "begin with a copy: pipeline-run show mnist_mlp > my.yaml; a stage of your own: pipeline-run new-stage "
             "NAME";
  for (const char* looks : {"data", "dataset", "datasets", "download"})
    if (word == looks)
      return "get a data set: pipeline-run fetch mnist; how data are read: pipeline-run stages idx_loader";
  for (const char* lists : {"ls", "list", "models", "layers"})
    if (word == lists) return "pipeline-run stages lists what a config can use, pipeline-run stages trainer the layers";
  for (const char* sweeps : {"tune", "sweep", "search", "hyperopt"})
    if (word == sweeps)
      return "there are no sweeps: start a run for each value: "
             "for x in 1e-3 1e-2; do pipeline-run mnist_mlp --set learn.optimizer.rmsprop.learning_rate=$x; done";
  return did_you_mean(word, first_words());
}

}  // namespace

std::vector<OptionName> options_of(const Verb& verb) { return VerbParser(verb).options(); }

ParsedCommand parse_command(const std::vector<std::string>& arguments) {
  const std::string first = arguments.empty() ? "" : arguments.front();
  if (first == "__complete") return {nullptr, {}, candidates({arguments.begin() + 1, arguments.end()})};
  const Verb* verb = find_verb(first);
  if (verb != nullptr) return VerbParser(*verb).parse({arguments.begin() + 1, arguments.end()});
  if (first == "--version" || first == "version") return {nullptr, {}, version_text()};
  if (first == "help") return {nullptr, {}, help_of(arguments.size() > 1 ? arguments[1] : "")};
  const Verb& run = verbs().front();
  if (!arguments.empty() && looks_like_verb(first))
    fail(run, "unknown-verb",
         fmt::format("`{}` is neither a file, a config that comes with Millrace nor a verb", first),
         help_for_verb(first, arguments.size() > 1 ? arguments[1] : "CONFIG"));
  return VerbParser(run).parse(arguments);
}

}  // namespace millrace::pipelines
