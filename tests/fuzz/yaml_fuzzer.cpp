// Fuzz target: any bytes as a config. Reading, completing and checking them must give diagnostics or a graph, never a crash.
#include "check/validator.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/spec_builder.hpp"
#include "memory_file.hpp"

#include <millrace/registry.hpp>

namespace {

const millrace::StageRegistry& registry() {
  static const millrace::StageRegistry stages = [] {
    millrace::StageRegistry r;
    millrace_plugin_entry()->register_stages(&r);
    return r;
  }();
  return stages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::pipelines;
  const millrace::fuzz::MemoryFile file(data, size);
  Diagnostics diagnostics;
  auto document = read_document(file.path(), diagnostics);
  if (!document) {
    // A reader that gives up without a word would leave the user with nothing to go by.
    if (diagnostics.empty()) std::abort();
    return 0;
  }
  const GraphSpec spec = build_spec(std::move(*document), {}, registry(), diagnostics);
  if (diagnostics.empty()) validate(spec, registry(), diagnostics);
  render(diagnostics);
  return 0;
}
