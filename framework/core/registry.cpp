// Stages by name in a map, and spelling suggestions by edit distance, computed bit-parallel: a column of its table at a time, in 64-bit words.
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace millrace {
namespace {

constexpr std::size_t kMostLetters = 64;  // one bit each

// Levenshtein distance to one name, where swapping two neighbors counts once as well (optimal string alignment), a whole row of the
// table at once: H. Hyyro, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003.
class Distance {
 public:
  explicit Distance(std::string_view name) : length_(name.size()) {
    for (std::size_t i = 0; i < name.size(); ++i) at_[static_cast<unsigned char>(name[i])] |= std::uint64_t{1} << i;
  }
  std::size_t to(std::string_view other) const {
    std::uint64_t more = ~std::uint64_t{0}, less = 0, zero = 0, before = 0;  // steps down the column, of +1, -1 and 0
    const std::uint64_t last = std::uint64_t{1} << (length_ - 1);
    std::size_t distance = length_;
    for (const char c : other) {
      const std::uint64_t same = at_[static_cast<unsigned char>(c)], swapped = ((~zero & same) << 1U) & before;
      zero = ((((same & more) + more) ^ more) | same | less) | swapped;
      std::uint64_t right_more = less | ~(zero | more), right_less = zero & more;
      distance += (right_more & last) != 0 ? 1 : 0;
      distance -= (right_less & last) != 0 ? 1 : 0;
      right_more = right_more << 1U | 1U;
      right_less <<= 1U;
      more = right_less | ~(zero | right_more);
      less = right_more & zero;
      before = same;
    }
    return distance;
  }

 private:
  std::size_t length_;
  std::array<std::uint64_t, 256> at_{};
};

void require_free_names(const StageInfo& info) {
  for (const Param& param : info.spec.params())
    for (const std::string& reserved : node_keys())
      if (param.name == reserved)
        throw Error(ErrorKind::plugin, "reserved-parameter",
                    fmt::format("stage `{}` has a parameter `{}`, which is a key of every node", info.name, reserved),
                    "rename the parameter");
}

}  // namespace

const std::vector<std::string>& node_keys() {
  static const std::vector<std::string> keys{"stage", "chain", "in", "with", "seed", "role", "run"};
  return keys;
}

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
  info.plugin_license = origin_.plugin_license;
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

void StageRegistry::set_origin(std::string plugin, std::string version, std::string license, std::string file) {
  origin_.plugin = std::move(plugin);
  origin_.plugin_version = std::move(version);
  origin_.plugin_license = std::move(license);
  origin_.file = std::move(file);
}

std::vector<std::string> close_names(std::string_view name, const std::vector<std::string>& known) {
  if (name.empty() || name.size() > kMostLetters) return {};
  const Distance distance(name);
  std::vector<std::pair<std::size_t, std::string_view>> ranked;
  for (const std::string& candidate : known) {
    const std::size_t longer = std::max(name.size(), candidate.size()), most = std::max<std::size_t>(1, longer / 3);
    if (longer - std::min(name.size(), candidate.size()) > most) continue;
    const std::size_t d = distance.to(candidate);
    if (d <= most) ranked.emplace_back(d, candidate);
  }
  const std::size_t count = std::min<std::size_t>(3, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.emplace_back(ranked[i].second);
  return names;
}

}  // namespace millrace
