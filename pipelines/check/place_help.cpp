// `learning_rate: 0.1` at the top of a file, or in the wrong node: the same words as `--set learning_rate=0.1` gets.
#include "place_help.hpp"

#include "config/params/value_help.hpp"
#include "config/spec/settable_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <tuple>

namespace millrace::pipelines {
namespace {

bool is_same(const Location& a, const Location& b) {
  return a.source == b.source && a.line == b.line && a.column == b.column;
}

/// The path of the key that stands at `where`, as `--set` would write it; empty when no key does.
std::string path_of_key(const DocNode& at, const Location& where, const std::string& prefix = {}) {
  const bool is_top = prefix.empty();
  for (const DocMember& m : at.members) {
    const bool is_left_out = (is_top && m.key == "graph") || m.key == "with";
    std::string path = is_left_out ? prefix : prefix + (is_top ? "" : ".") + m.key;
    if (is_same(m.key_where, where)) return path;
    if (std::string found = path_of_key(m.value, where, path); !found.empty()) return found;
  }
  for (std::size_t i = 0; i < at.items.size(); ++i)
    if (std::string found = path_of_key(at.items[i], where, fmt::format("{}.{}", prefix, i)); !found.empty())
      return found;
  return {};
}

using Place = std::tuple<const SourceText*, int, int>;

Place place_of(const Location& where) { return {where.source.get(), where.line, where.column}; }

/// As the errors of the parser name the first of two keys, for each key of the maps at `places`.
void add_firsts(const DocNode& at, const std::set<Place>& places, std::set<std::string>& firsts) {
  if (at.is_map() && places.count(place_of(at.where)) > 0)
    for (const DocMember& m : at.members)
      firsts.insert(fmt::format("the first one is at line {}, column {}", m.key_where.line, column_of(m.key_where)));
  for (const DocMember& m : at.members) add_firsts(m.value, places, firsts);
  for (const DocNode& item : at.items) add_firsts(item, places, firsts);
}

bool wants_place(const Diagnostic& d) {
  const bool is_unknown = d.name == "unknown-key" || d.name == "unknown-parameter";
  return is_unknown && d.where.source && !d.where.source->is_argument && !d.suggests;
}

std::string where_it_belongs(const std::vector<SettablePath>& meant) {
  constexpr std::size_t kMost = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(meant.size(), kMost); ++i)
    text += fmt::format("{}`{}`", i == 0 ? "" : " or ", meant[i].path);
  const std::string& path = meant.front().path;
  const std::size_t point = path.find('.');
  if (point == std::string::npos) return fmt::format("it belongs to {}, a key at the top of the file", text);
  const bool is_of_the_run = path.compare(point, 5, ".run.") == 0;
  return fmt::format(
      "it belongs to {}: {} of its node", text,
      is_of_the_run ? "how a stage is run stands under `run`" : "what a stage takes stands under `with`");
}

}  // namespace

Diagnostics with_places(const Diagnostics& found, const DocNode& document, const StageRegistry& registry) {
  std::optional<std::vector<SettablePath>> paths;
  std::size_t asked = 0;
  return found.edited([&](Diagnostic& d) {
    if (!wants_place(d) || ++asked > kMostShownErrors) return true;
    if (!paths) paths = settable_paths(document, registry);
    const std::string wrong = path_of_key(document, d.where);
    const std::vector<SettablePath> meant = wrong.empty() ? std::vector<SettablePath>() : paths_meant(wrong, *paths);
    if (!meant.empty() && meant.front().path != wrong) d.help = fmt::format("{}; {}", where_it_belongs(meant), d.help);
    return true;
  });
}

Diagnostics without_missing_dashes(const Diagnostics& found, const DocNode& document) {
  std::set<Place> places;
  for (const Diagnostic& d : found.sorted())
    if (d.help == kPutDashes) places.insert(place_of(d.where));
  if (places.empty()) return found;
  std::set<std::string> firsts;
  add_firsts(document, places, firsts);
  return found.edited([&](const Diagnostic& d) {
    return d.name != "duplicate-key" || d.notes.size() != 1 || firsts.count(d.notes.front()) == 0;
  });
}

}  // namespace millrace::pipelines
