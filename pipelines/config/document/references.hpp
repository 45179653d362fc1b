// `${env:NAME:-default}` and `${seed}` in texts of a config; `$${` stands for `${`. A default may hold references.
#pragma once

#include "document.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Replaces every `${env:...}`; in a variable's value nothing is replaced. A value that is nothing but a reference takes the
/// type of what replaces it, quoted or not: inside `{}` and `[]` YAML makes people quote it.
void replace_environment(DocNode& node, Diagnostics& diagnostics);
/// A text that stands for `value` when its references have been replaced, whatever looks like one in it.
std::string as_plain(std::string_view value);
/// Replaces every `${seed}`, undoes `$${`, and reports what is left, a brace that is missing too, and a `seed` of the map `node`
/// that is made of itself.
void replace_seed(DocNode& node, std::uint64_t seed, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
