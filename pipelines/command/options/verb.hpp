// A verb of pipeline-run as data. Each file of command/verbs registers one; nothing else lists them.
#pragma once

#include "command/options/option.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// Headings of the reference; help lists the verbs in this order, those of a group by name.
enum class VerbGroup : std::uint8_t { run, config, catalog, author, program };
/// "Look at a config", ...
const char* heading_of(VerbGroup group);

/// The word that a verb takes beside its options, or several.
struct Target {
  std::string name = {};   ///< "CONFIG"; empty for a verb that takes none
  std::string usage = {};  ///< how the usage line writes it where that is not `name`: "PLUGIN[:NAME]"
  std::string help = {};
  std::string example = {};
  std::string missing = {};  ///< what is said where it is not given: "no config given"; empty when it need not be
  bool takes_several = false;
  /// Puts it where it belongs, each in turn where there are several. Throws Error for one that means nothing.
  std::function<void(VerbOptions&, const std::string&)> store = {};
  Candidates candidates = {};  ///< empty: nothing is offered
};

struct Verb {
  std::string name;
  VerbGroup group;
  std::string summary;  ///< begins with a small letter, has no full stop
  Target target = {};
  std::vector<Option> options = {};   ///< its own and shared ones, without --help and --color, which all have
  std::vector<std::string> examples;  ///< whole commands that work as written from every folder; the tests run them
  bool only_looks = true;  ///< moves no data and writes no file, so that an example in a document may be run anywhere
  /// What is wrong with options that are right one by one; empty: nothing.
  std::function<std::string(const VerbOptions&)> conflict = {};
  std::function<std::unique_ptr<VerbOptions>()> make_options = {};  ///< set by RegisteredVerb
  std::function<int(const VerbOptions&)> act =
      {};  ///< likewise; returns the exit code, throws Error for what ends it early
};

/// In the order of the groups, then by name.
const std::vector<Verb>& verbs();
std::vector<std::string> verb_names();
/// Null when there is none.
const Verb* find_verb(std::string_view name);
/// `run`, which is what `pipeline-run CONFIG` does.
const Verb& default_verb();

/// "pipeline-run graph".
std::string command_of(const Verb& verb);
/// "pipeline-run graph CONFIG [options]".
std::string usage_of(const Verb& verb);
/// Null when the verb has no such option; `name` without dashes.
const Option* find_option(const Verb& verb, std::string_view name);

/// A function of a verb's own options, to be called with any.
template <class Result, class Options>
std::function<Result(const VerbOptions&)> on_own(Result (*function)(const Options&)) {
  return [function](const VerbOptions& options) { return function(dynamic_cast<const Options&>(options)); };
}

/// A namespace-scope constant of a verb's file: `const RegisteredVerb kVerb({.name = ...}, act);`
class RegisteredVerb {
 public:
  template <class Options>
  RegisteredVerb(Verb verb, int (*act)(const Options&)) {
    verb.make_options = [] { return std::make_unique<Options>(); };
    verb.act = on_own(act);
    add(std::move(verb));
  }

 private:
  static void add(Verb verb);
};

}  // namespace millrace::pipelines
