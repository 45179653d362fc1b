// What to write instead of a word of the command line that means nothing here.
#pragma once

#include "command/options/verb.hpp"

#include <string>

namespace millrace::pipelines {

/// Instead of the option `word`, which `next` follows: an option of the verb, or for one with `--set` every path of the config
/// `target` that ends in the option's name or in what it is called here: "write --set epochs=3" for `--epochs 3`. Empty without one.
/// Nothing of a config that cannot be read is reported.
std::string instead_of_option(const Verb& verb, const std::string& word, const std::string& next,
                              const std::string& target);

/// Instead of a second target: a value that lacks its `--set`, or its quotes; empty otherwise.
std::string instead_of_extra(const Verb& verb, const std::string& word);

/// Instead of a first word that is neither a verb nor a config: what the verb is called here, for the `config` that follows it.
std::string instead_of_verb(const std::string& word, const std::string& config);

}  // namespace millrace::pipelines
