// Options of verbs as data: parser, help, completion and the reference of commands are made of them.
#pragma once

#include "command/terminal/terminal.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace millrace::pipelines {

/// What every verb may be told. What a verb may be told besides stands in a struct of its own that derives from this one.
struct VerbOptions {
  VerbOptions() = default;
  virtual ~VerbOptions() = default;
  VerbOptions(const VerbOptions&) = default;
  VerbOptions& operator=(const VerbOptions&) = default;

  bool json = false;
  ColorChoice color = ColorChoice::automatic;
};

enum class ValueKind : std::uint8_t { flag, text, count, choice, file };
/// "flag", "text", ...
const char* name_of(ValueKind kind);

/// The whole numbers that an option of kind `count` takes. `kNoLimit` is so many that messages do not name it.
inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::int32_t>::max();
struct CountRange {
  std::uint64_t least = 0, most = kNoLimit;
  const char* of = "";  ///< "seconds", for the message that refuses a value
};

/// What stands on the command line already when a word is to be completed.
struct TypedWords {
  std::string target;                ///< the first
  std::vector<std::string> plugins;  ///< values of --plugin
  std::string runs = {};             ///< value of --runs
};
/// Words that may come next; kFileCandidates among them stands for names of files. Throws Error where a plugin cannot be loaded.
using Candidates = std::function<std::vector<std::string>(const TypedWords&)>;
inline constexpr const char* kFileCandidates = ":files";

struct Option {
  std::string name;         ///< "set", typed as --set
  std::string letter = {};  ///< "s", typed as -s
  ValueKind kind = ValueKind::flag;
  std::string placeholder = {};  ///< "PATH=VALUE"; empty for a flag
  std::string help;
  std::string example = {};  ///< a value that it takes; empty for a flag
  std::vector<std::string> choices =
      {};  ///< for `choice` all values; for another kind words that it takes besides, or among others
  CountRange range = {};
  bool stands_alone = false;  ///< where it is given, the verb takes no target; only of a flag
  std::function<void(VerbOptions&, const std::string&)> store = {};  ///< puts a right value where it belongs
  Candidates candidates = {};                                        ///< values that depend on what is typed already
};

/// "-s,--set PATH=VALUE".
std::string spelling(const Option& option);
/// The value as it is to be stored: a choice is found whatever its case. Empty when the option does not take it.
std::optional<std::string> accepted(const Option& option, const std::string& value);
/// "not dot or mermaid", "not a number from 1 to 1024, or auto".
std::string refusal(const Option& option);
/// Words to offer where a value of `option` is to be completed.
std::vector<std::string> values_to_offer(const Option& option, const TypedWords& typed);

/// All of the lists, one after the other.
std::vector<Option> joined(const std::vector<std::vector<Option>>& lists);

/// Every verb has these: the first and the last that its help names.
Option help_option();
Option color_option();
/// For a verb that can answer with an object.
Option json_option();

namespace detail {
inline void put(const std::string&, bool& field) { field = true; }
inline void put(const std::string& value, std::string& field) { field = value; }
inline void put(const std::string& value, std::vector<std::string>& field) { field.push_back(value); }
template <class Number>
requires std::is_integral_v<Number>
void put(const std::string& value, Number& field) { std::from_chars(value.data(), value.data() + value.size(), field); }
inline void put(const std::string& value, std::chrono::seconds& field) {
  std::chrono::seconds::rep seconds = 0;
  put(value, seconds);
  field = std::chrono::seconds(seconds);
}
}  // namespace detail

/// Where a value goes: into a field of the verb's own options. A list takes every value, anything else the last one.
template <class Options, class Field>
std::function<void(VerbOptions&, const std::string&)> into(Field Options::*field) {
  return [field](VerbOptions& options, const std::string& value) {
    detail::put(value, dynamic_cast<Options&>(options).*field);
  };
}

}  // namespace millrace::pipelines
