// The built-in stages are linked into the test and registered by their plugin's entry; a config that is a text goes through a temporary file.
#include "built_in_graph.hpp"

#include "catch.hpp"
#include "check/validator.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/spec_builder.hpp"
#include "temp_folder.hpp"

#include <millrace/plugin.h>
#include <millrace/registry.hpp>

extern "C" const millrace_plugin* millrace_plugin_entry(void);

namespace millrace::pipelines {

const StageRegistry& built_in_stages() {
  static const StageRegistry registry = [] {
    StageRegistry r;
    millrace_plugin_entry()->register_stages(&r);
    return r;
  }();
  return registry;
}

ValidatedGraph load_graph(const std::string& path, const std::vector<Override>& overrides,
                          const StageRegistry& registry, Diagnostics& diagnostics, const RankInfo& ranks) {
  std::optional<DocNode> document = read_document(path, diagnostics);
  if (!document) return {};
  return validate(build_spec(std::move(*document), overrides, registry, diagnostics), registry, diagnostics, ranks);
}

ValidatedGraph graph_of(const std::string& path, const std::vector<std::string>& sets, const StageRegistry& registry) {
  std::vector<Override> overrides;
  for (const std::string& text : sets) overrides.push_back({text, "set"});
  Diagnostics diagnostics;
  ValidatedGraph graph = load_graph(path, overrides, registry, diagnostics);
  INFO(render(diagnostics));
  REQUIRE(diagnostics.empty());
  return graph;
}

ValidatedGraph graph_of_text(const std::string& text, const std::vector<std::string>& sets,
                             const StageRegistry& registry) {
  const testing::TempFolder folder;
  return graph_of(folder.file("config.yaml", text), sets, registry);
}

}  // namespace millrace::pipelines
