// A stage that insists on the content of a file knows its digest; that tells which file of which data set it is.
#include "missing_data.hpp"

#include <millrace/dataset.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <set>

namespace millrace::pipelines {
namespace {

struct KnownFile {
  const DatasetInfo* dataset = nullptr;
  const DatasetFile* file = nullptr;
};

KnownFile find_file(const std::string& sha256) {
  for (const std::string& name : dataset_names())
    for (const DatasetFile& file : find_dataset(name)->files)
      if (file.sha256 == sha256) return {find_dataset(name), &file};
  return {};
}

Diagnostic warning_of(const ValidatedNode& node, const Error& error) {
  Diagnostic warning{error.problem(), node.place_of_param("dataset"), {}, Severity::warning};
  warning.message = fmt::format("node `{}` ({}): {}", node.name, node.info->name, error.message());
  return warning;
}

}  // namespace

void warn_of_missing_data(const ValidatedGraph& graph, Diagnostics& diagnostics) {
  std::set<const DatasetInfo*> told;
  for (const ValidatedNode& node : graph.nodes)
    for (const FileRead& read : node.files) {
      const KnownFile known = read.sha256.empty() ? KnownFile{} : find_file(read.sha256);
      if (known.file == nullptr || told.contains(known.dataset)) continue;
      if (!locate_dataset_file(*known.dataset, *known.file).empty()) continue;
      told.insert(known.dataset);
      diagnostics.add(warning_of(node, missing_dataset_file(*known.dataset, *known.file)));
    }
}

}  // namespace millrace::pipelines
