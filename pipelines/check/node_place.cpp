#include "node_place.hpp"

#include <fmt/format.h>

#include <utility>

namespace millrace::pipelines {

StagePlace place_of(const ValidatedNode& node, std::string advice) {
  const Location& where = node.where;
  const std::string file = where.source ? where.source->name : "";
  const std::string at = file.empty() ? "" : fmt::format(", {}:{}:{}", file, where.line, column_of(where));
  return {fmt::format("node `{}` (stage {}{})", node.name, node.info->name, at), std::move(advice), file, where.line,
          column_of(where)};
}

}  // namespace millrace::pipelines
