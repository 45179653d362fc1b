// The comment comes first, where a reader of a long config sees it.
#include "resolved_text.hpp"

#include "config/document/config_text.hpp"

namespace millrace::pipelines {
namespace {

constexpr const char* kDrawsOtherwise =
    "# What --set took away still counts where the others draw at random. In this file it does not: it trains other\n"
    "# weights than that command, unless the nodes that draw have a `seed` of their own.\n";

}  // namespace

std::string resolved_text(const CheckedConfig& checked, const DocNode& config) {
  return (checked.draws_as_before ? kDrawsOtherwise : "") + config_text(config);
}

}  // namespace millrace::pipelines
