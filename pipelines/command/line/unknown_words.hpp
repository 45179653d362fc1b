// What to write instead of an option that there is not.
#pragma once

#include <string>

namespace millrace::pipelines {

/// "write --set epochs=3" for `--epochs 3`: every path of `config` that ends in the option's name, or in what it is called here; empty
/// without one. Nothing of a config that cannot be read is reported.
std::string set_instead_of(const std::string& option, const std::string& value, const std::string& config);

}  // namespace millrace::pipelines
