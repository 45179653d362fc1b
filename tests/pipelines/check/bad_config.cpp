// Each YAML file says in comments at its top what is expected (`# expect:`) and how it is loaded (`# set:`, `# ranks:`).
#include "bad_config.hpp"

#include "built_in_graph.hpp"
#include "check/memory_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace millrace::pipelines {

namespace {

std::string place_of(const Diagnostic& d, const std::filesystem::path& path) {
  if (!d.where.source) return "nowhere";
  const std::string& name = d.where.source->name;
  if (d.where.source->is_argument) return fmt::format("{}:{}", name, column_of(d.where));
  const std::string file = name == path.string() ? "" : std::filesystem::path(name).filename().string() + ":";
  return fmt::format("{}{}:{}", file, d.where.line, column_of(d.where));
}

BadConfig read_bad_config(const std::filesystem::path& path) {
  BadConfig config{path, {}, {}, {}};
  std::ifstream file(path);
  for (std::string line; std::getline(file, line) && line.starts_with("#");) {
    if (line.starts_with("# expect: ")) config.expected.push_back(line.substr(10));
    if (line.starts_with("# ranks: ")) config.ranks.size = std::stoi(line.substr(9));
    if (line.starts_with("# set: ")) config.overrides.push_back(line.substr(7));
  }
  return config;
}

}  // namespace

std::vector<BadConfig> read_bad_configs(const std::filesystem::path& folder) {
  std::vector<BadConfig> configs;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") configs.push_back(read_bad_config(entry.path()));
  std::sort(configs.begin(), configs.end(), [](const BadConfig& a, const BadConfig& b) { return a.path < b.path; });
  return configs;
}

std::vector<std::string> errors_of(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                                   const RankInfo& ranks) {
  std::vector<Override> sets;
  for (const std::string& text : overrides) sets.push_back({text, fmt::format("set#{}", sets.size() + 1)});
  Diagnostics diagnostics;
  const ValidatedGraph graph = load_graph(path.string(), sets, built_in_stages(), diagnostics, ranks);
  if (!diagnostics.has_errors()) check_memory(graph, diagnostics);  // as `check` does
  std::vector<std::string> errors;
  for (const Diagnostic& d : diagnostics.sorted())
    errors.push_back(
        fmt::format("{} {}{}", d.name, place_of(d, path), d.severity == Severity::warning ? " (warning)" : ""));
  return errors;
}

}  // namespace millrace::pipelines
