// What a shell offers while a command is typed; it asks this program.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

/// The first argument with which a shell asks; the words typed so far follow.
inline constexpr const char* kComplete = "__complete";

/// `words`: what stands after the program's name, the word to complete last (it may be ""). One candidate a line: verbs,
/// options, targets, values of an option, paths for --set of the config that stands before. A line ":files" asks for file
/// names too. Never throws for what the user has typed so far.
std::string candidates(const std::vector<std::string>& words);

}  // namespace millrace::pipelines
