#include "load_graph.hpp"

#include "validator.hpp"

namespace millrace::pipelines {

ValidatedGraph load_graph(const std::string& path, const std::vector<Override>& overrides,
                          const StageRegistry& registry, Diagnostics& diagnostics) {
  std::optional<DocNode> document = read_document(path, diagnostics);
  if (!document) return {};
  return validate(build_spec(std::move(*document), overrides, registry, diagnostics), registry, diagnostics);
}

}  // namespace millrace::pipelines
