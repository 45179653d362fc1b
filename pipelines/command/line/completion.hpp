// Completion for shells: one short script a shell, which asks this program for what could come next.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

/// `words`: what stands after the program's name, the word to complete last (it may be ""). One candidate a line: verbs,
/// options, stages, values of an option, paths for --set of the config that stands before. A line ":files" asks for file
/// names too. Never throws for what the user has typed so far.
std::string candidates(const std::vector<std::string>& words);

}  // namespace millrace::pipelines
