#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace millrace {
namespace {

// Levenshtein distance, row by row, where swapping two neighbours counts once as well (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

// A node of a chain takes its parameters beside these keys.
void require_free_names(const StageInfo& info) {
  for (const Param& param : info.spec.params())
    for (const std::string_view reserved : {"stage", "chain", "in", "with", "run"})
      if (param.name == reserved)
        throw Error(ErrorKind::plugin, "reserved-parameter",
                    fmt::format("stage `{}` has a parameter `{}`, which is a key of every node", info.name, reserved),
                    "rename the parameter");
}

}  // namespace

void StageRegistry::add(StageInfo info) {
  require_free_names(info);
  const auto [it, inserted] = stages_.try_emplace(info.name);
  if (!inserted)
    throw Error(ErrorKind::plugin, "duplicate-stage",
                fmt::format("stage `{}` of plugin `{}` is already registered by plugin `{}`", info.name, origin_.plugin,
                            it->second.plugin),
                "load only one of the two plugins, or rename the stage");
  info.plugin = origin_.plugin;
  info.plugin_version = origin_.plugin_version;
  info.plugin_licence = origin_.plugin_licence;
  info.file = origin_.file;
  it->second = std::move(info);
}

const StageInfo* StageRegistry::find(std::string_view name) const {
  const auto it = stages_.find(name);
  return it == stages_.end() ? nullptr : &it->second;
}

std::vector<std::string> StageRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, info] : stages_) names.push_back(name);
  return names;
}

void StageRegistry::set_origin(std::string plugin, std::string version, std::string licence, std::string file) {
  origin_.plugin = std::move(plugin);
  origin_.plugin_version = std::move(version);
  origin_.plugin_licence = std::move(licence);
  origin_.file = std::move(file);
}

std::vector<std::string> close_names(std::string_view name, const std::vector<std::string>& known) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : known) {
    const std::size_t d = distance(name, candidate);
    if (d <= std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3)) ranked.emplace_back(d, candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, ranked.size()); ++i) names.push_back(ranked[i].second);
  return names;
}

}  // namespace millrace
