// What --help prints. Each page fits on one screen: 40 lines of 100 columns.
#pragma once

#include "command/options/verb.hpp"

#include <string>

namespace millrace::pipelines {

/// Usage, summary, options and examples of a verb.
std::string help_page(const Verb& verb);

/// Of the program: all verbs, the names of what the default one takes, and the exit codes.
std::string program_page();

}  // namespace millrace::pipelines
