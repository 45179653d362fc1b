// Everything that can be wrong with a config, by its stable name.
#pragma once

#include <span>
#include <string_view>

namespace millrace::pipelines {

struct Rule {
  std::string_view name;      ///< name of the errors and warnings that it gives
  std::string_view sentence;  ///< what holds where it is kept
};

/// Every name that the reader, the validator and the built-in stages' infer can give, in the order in which they are looked at.
std::span<const Rule> rules();

}  // namespace millrace::pipelines
