#include "unknown_words.hpp"

#include "command/loading/checked_config.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/settable_paths.hpp"

#include <algorithm>

namespace millrace::pipelines {

std::string set_instead_of(const std::string& option, const std::string& value, const std::string& config) {
  std::string name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  if (name.empty()) return {};
  try {
    StageRegistry registry;
    load_plugins({}, registry);
    Diagnostics ignored;
    const bool is_file = !config.empty() && config != "-";
    const std::optional<DocNode> document = is_file ? read_document(config, ignored) : std::nullopt;
    return write_set(paths_meant(name, settable_paths(document.value_or(DocNode{}), registry)),
                     value.empty() ? "VALUE" : value);
  } catch (const Error&) {  // a plugin that cannot be loaded is told where it is needed
    return {};
  }
}

}  // namespace millrace::pipelines
