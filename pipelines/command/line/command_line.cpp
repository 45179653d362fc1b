// CLI11 splits the arguments by the verbs' options; every answer to a wrong one is our own, because it says what to write instead.
#include "command_line.hpp"

#include "command/loading/named_config.hpp"
#include "help_page.hpp"
#include "unknown_words.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kNoMoreOptions = "--";

Error with_usage(Error error, const Verb& verb) {
  error.add_note(fmt::format("usage: {}  ({} --help)", usage_of(verb), command_of(verb)));
  return error;
}

[[noreturn]] void fail(const Verb& verb, std::string name, std::string message, std::string help = {}) {
  throw with_usage(Error(ErrorKind::usage, std::move(name), std::move(message), std::move(help)), verb);
}

/// The verbs as CLI11's subcommands. What they take goes into the options of the one verb that is called.
class VerbParser {
 public:
  explicit VerbParser(const Verb& verb) : verb_(verb), app_("", "pipeline-run"), options_(verb.make_options()) {
    app_.set_help_flag();  // each verb has its own
    app_.allow_extras();
    app_.require_subcommand(1);
    for (const Verb& each : verbs()) add(each);
  }

  /// `words` begin with the verb's name.
  ParsedCommand parse(std::vector<std::string> words);

 private:
  void add(const Verb& verb);
  void add_option(const Option& option, CLI::App& to);
  void store(const Option& option, const std::string& value);
  [[noreturn]] void refuse_plain(const std::string& word, const std::string& help = {}) const {
    fail(verb_, "wrong-arguments", fmt::format("one argument too many: `{}`", word), help);
  }
  [[noreturn]] void refuse(const std::string& word, const std::string& next) const;
  void take_extra(const std::string& word, const std::string& next);
  void take_extras();
  void take_targets();

  const Verb& verb_;
  CLI::App app_;
  std::unique_ptr<VerbOptions> options_;
  std::string target_;                     ///< the first
  std::vector<std::string> more_targets_;  ///< of a verb that takes several
  const Option* alone_ = nullptr;          ///< given, and takes the place of the target
};

void VerbParser::add(const Verb& verb) {
  CLI::App& to = *app_.add_subcommand(verb.name);
  if (!verb.target.name.empty()) to.add_option(verb.target.name, target_);
  for (const Option& option : verb.options) add_option(option, to);
}

// One value each time the option is written, stored at once, so that `--set` and `--threads` keep their order; CLI11's vector
// options would swallow the config as a second value.
void VerbParser::add_option(const Option& option, CLI::App& to) {
  const std::string names =
      option.letter.empty() ? "--" + option.name : fmt::format("-{},--{}", option.letter, option.name);
  if (option.name == help_option().name)
    to.set_help_flag(names);
  else if (option.kind == ValueKind::flag)
    to.add_flag_callback(names, [this, &option] {
        option.store(*options_, "");
        if (option.stands_alone) alone_ = &option;
      })->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  else
    to.add_option_function<std::string>(names, [this, &option](const std::string& value) { store(option, value); })
        ->trigger_on_parse()
        ->type_name(option.placeholder)
        ->expected(1);
}

void VerbParser::store(const Option& option, const std::string& value) {
  const std::optional<std::string> right = accepted(option, value);
  if (!right) fail(verb_, "wrong-arguments", fmt::format("`--{} {}`: {}", option.name, value, refusal(option)));
  option.store(*options_, *right);
}

void VerbParser::refuse(const std::string& word, const std::string& next) const {
  if (word.size() > 1 && word[0] == '-')
    fail(verb_, "unknown-option", fmt::format("unknown option `{}`", word),
         instead_of_option(verb_, word, next, target_));
  const std::string help = instead_of_extra(verb_, word);
  const Verb* late = find_verb(find_verb(word) != nullptr ? word : target_);
  if (help.empty() && late != nullptr) fail(*late, "wrong-arguments", "a verb comes first, before all options");
  refuse_plain(word, help);
}

void VerbParser::take_extra(const std::string& word, const std::string& next) {
  if (!verb_.target.takes_several || word.starts_with('-')) refuse(word, next);
  more_targets_.push_back(word);
}

// What follows `--` is no option, whatever it looks like. A verb that has no use for it leaves it to the program.
void VerbParser::take_extras() {
  const std::vector<std::string> words = app_.get_subcommand(verb_.name)->remaining();
  const auto mark = std::find(words.begin(), words.end(), kNoMoreOptions);
  for (auto word = words.begin(); word != mark; ++word) take_extra(*word, word + 1 == words.end() ? "" : *(word + 1));
  for (auto word = mark; word != words.end(); ++word) {
    if (word == mark) continue;
    if (!verb_.target.takes_several) refuse_plain(*word);
    more_targets_.push_back(*word);
  }
  if (const std::vector<std::string> plain = app_.remaining(); !plain.empty()) refuse_plain(plain.front());
}

void VerbParser::take_targets() {
  const Target& target = verb_.target;
  if (alone_ != nullptr && !target_.empty())
    fail(verb_, "wrong-arguments", fmt::format("--{} takes no {}", alone_->name, target.name));
  if (target_.empty() && alone_ == nullptr && !target.missing.empty()) fail(verb_, "wrong-arguments", target.missing);
  if (target_.empty()) return;
  try {
    target.store(*options_, target_);
    for (const std::string& more : more_targets_) target.store(*options_, more);
  } catch (const Error& error) {
    throw with_usage(error, verb_);
  }
}

ParsedCommand VerbParser::parse(std::vector<std::string> words) {
  // There CLI11 would leave the verb without a word.
  if (std::find(words.begin(), words.end(), "++") != words.end()) refuse_plain("++");
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app_.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return {&verb_, nullptr, help_page(verb_)};
  } catch (const CLI::Error& error) {
    fail(verb_, "wrong-arguments", error.what());
  }
  take_extras();
  take_targets();
  if (const std::string conflict = verb_.conflict ? verb_.conflict(*options_) : ""; !conflict.empty())
    fail(verb_, "wrong-arguments", conflict);
  return {&verb_, std::move(options_), {}};
}

// A word that is neither a verb nor looks like a file is a mistyped verb.
bool looks_like_verb(const std::string& word) {
  return !word.empty() && word[0] != '-' && word.find_first_of("./") == std::string::npos && config_path(word).empty();
}

/// `arguments`, with the verb in front where they leave it out.
std::vector<std::string> with_verb(std::vector<std::string> words) {
  const std::string first = words.empty() ? "" : words.front();
  if (find_verb(first) != nullptr) return words;
  for (const char* page : {"help", "version"})
    if (first == fmt::format("--{}", page)) return {page};
  if (first == "-h") return {"help"};
  if (looks_like_verb(first))
    fail(default_verb(), "unknown-verb",
         fmt::format("`{}` is neither a file, a config that comes with Millrace nor a verb", first),
         instead_of_verb(first, words.size() > 1 ? words[1] : "CONFIG"));
  words.insert(words.begin(), default_verb().name);
  return words;
}

}  // namespace

ParsedCommand parse_command(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = with_verb(arguments);
  const Verb& verb = *find_verb(words.front());
  return VerbParser(verb).parse(std::move(words));
}

}  // namespace millrace::pipelines
