// `${env:NAME:-default}` and `${seed}` in texts of a config; `$${` stands for `${`.
#pragma once

#include "document.hpp"

#include <cstdint>

namespace millrace::pipelines {

/// Replaces every `${env:...}`. A value that is nothing but a reference takes the type of what replaces it, quoted or not:
/// inside `{}` and `[]` YAML makes people quote it.
void replace_environment(DocNode& node, Diagnostics& diagnostics);
/// Replaces every `${seed}`, undoes `$${`, and reports what is left.
void replace_seed(DocNode& node, std::uint64_t seed, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
