// Paths are found by a map, for a config may have thousands of them.
#include "comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace millrace::pipelines {
namespace {

// The config's differences are told by themselves.
constexpr std::array<std::string_view, 7> kOfItsOwn{"started",     "command", "folder", "config",
                                                    "config_hash", "name",    "epochs"};
constexpr std::string_view kVariables = "variables.";

using Values = std::vector<NamedText>;

bool differs(const Difference& difference) {
  return std::any_of(difference.values.begin(), difference.values.end(),
                     [&](const std::string& value) { return value != difference.values.front(); });
}

std::vector<Difference> differences(const std::vector<const Values*>& runs) {
  std::vector<Difference> all;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (const NamedText& value : *runs[run]) {
      const auto [found, is_new] = places.try_emplace(value.name, all.size());
      if (is_new) all.push_back({value.name, std::vector<std::string>(runs.size())});
      all[found->second].values[run] = value.text;
    }
  std::erase_if(all, [](const Difference& difference) { return !differs(difference); });
  return all;
}

bool is_of_its_own(const std::string& path) {
  return path.starts_with(kVariables) || std::find(kOfItsOwn.begin(), kOfItsOwn.end(), path) != kOfItsOwn.end();
}

}  // namespace

std::vector<Difference> config_differences(const std::vector<ComparedRun>& runs) {
  std::vector<const Values*> configs;
  for (const ComparedRun& run : runs) configs.push_back(&run.config);
  return differences(configs);
}

std::vector<Difference> environment_differences(const std::vector<ComparedRun>& runs) {
  std::vector<const Values*> environments;
  for (const ComparedRun& run : runs) environments.push_back(&run.record.environment);
  std::vector<Difference> all = differences(environments);
  std::erase_if(all, [](const Difference& difference) { return is_of_its_own(difference.path); });
  return all;
}

std::vector<std::string> metrics_of(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> names;
  for (const ComparedRun& run : runs)
    for (const Curve& curve : run.record.curves)
      if (!is_time(curve.name) && std::find(names.begin(), names.end(), curve.name) == names.end())
        names.push_back(curve.name);
  return names;
}

std::vector<std::string> test_metrics_of(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> names;
  for (const ComparedRun& run : runs)
    if (!run.record.tests.empty())
      for (const auto& [name, value] : run.record.tests.back().values)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

std::string test_cell(const RunRecord& record, const std::string& metric) {
  if (record.tests.empty()) return {};
  const std::string value = test_value(record.tests.back(), metric);
  return value.empty() ? "" : fmt::format("{} ({})", value, record.tests.size());
}

char letter_of(std::size_t run) { return static_cast<char>('A' + run % kMostCompared); }

}  // namespace millrace::pipelines
