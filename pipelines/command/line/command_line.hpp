// Arguments to a verb and its options. The only file that includes CLI11 is its source.
#pragma once

#include "command/options/verb.hpp"

#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct ParsedCommand {
  const Verb* verb = nullptr;
  std::unique_ptr<VerbOptions> options;  ///< what the verb acts on; null: `page` is all there is to do
  std::string page;                      ///< what --help prints
};

/// `arguments` without the program's name. Throws Error(usage): unknown-verb, unknown-option, wrong-arguments, and what a target is
/// refused with; the help is a suggestion, the note a usage line.
ParsedCommand parse_command(const std::vector<std::string>& arguments);

}  // namespace millrace::pipelines
