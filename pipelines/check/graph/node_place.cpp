// Worded and escaped before the call: what shows it may be a signal handler, which can only write.
#include "node_place.hpp"

#include "diagnostics/printable_text.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {

StagePlace place_of(const ValidatedNode& node, const std::string& advice) {
  const Location& where = node.where;
  const std::string file = where.source ? where.source->name : "";
  const std::string at = file.empty() ? "" : fmt::format(", {}:{}:{}", file, where.line, column_of(where));
  return {printable_line(fmt::format("node `{}` (stage {}{})", node.name, node.info->name, at)), printable_line(advice),
          file, where.line, column_of(where)};
}

}  // namespace millrace::pipelines
