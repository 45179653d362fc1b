// Arguments to options. The only file that includes CLI11 is its source.
#pragma once

#include "command.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

struct ParsedCommand {
  const Verb* verb = nullptr;  ///< null: `output` is all there is to do (--help, --version)
  CommandOptions options;
  std::string output;
};

/// An option as one types it: "--set", "-s".
struct OptionName {
  std::string name;
  bool takes_value = false;
};
/// What a verb's parser knows, for completion.
std::vector<OptionName> options_of(const Verb& verb);

/// `arguments` without the program's name. Throws Error(usage): unknown-verb, unknown-option, wrong-arguments; the help is a
/// suggestion or a usage line.
ParsedCommand parse_command(const std::vector<std::string>& arguments);

}  // namespace millrace::pipelines
