// `learning_rate: 0.1` at the top of a file, or in the wrong node: the same words as `--set learning_rate=0.1` gets.
#include "place_help.hpp"

#include "config/params/value_help.hpp"
#include "config/spec/settable_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

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
    const std::string path = is_left_out ? prefix : prefix + (is_top ? "" : ".") + m.key;
    if (is_same(m.key_where, where)) return path;
    if (const std::string found = path_of_key(m.value, where, path); !found.empty()) return found;
  }
  for (std::size_t i = 0; i < at.items.size(); ++i)
    if (const std::string found = path_of_key(at.items[i], where, fmt::format("{}.{}", prefix, i)); !found.empty())
      return found;
  return {};
}

const DocNode* find_value(const DocNode& at, const Location& where) {
  if (at.is_map() && is_same(at.where, where)) return &at;
  for (const DocMember& m : at.members)
    if (const DocNode* found = find_value(m.value, where)) return found;
  for (const DocNode& item : at.items)
    if (const DocNode* found = find_value(item, where)) return found;
  return nullptr;
}

bool wants_place(const Diagnostic& d) {
  const bool is_unknown = d.name == "unknown-key" || d.name == "unknown-parameter";
  return is_unknown && d.where.source && !d.where.source->is_argument && !d.help.starts_with("did you mean") &&
         !d.label.starts_with("this looks like");
}

std::string place_text(const std::vector<SettablePath>& meant) {
  constexpr std::size_t kMost = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(meant.size(), kMost); ++i)
    text += fmt::format("{}`{}`", i == 0 ? "" : " or ", meant[i].path);
  const bool is_of_a_node = meant.front().path.find('.') != std::string::npos;
  return fmt::format(
      "it belongs to {}{}", text,
      is_of_a_node ? ": what a stage takes stands under `with` of its node" : ", a key at the top of the file");
}

}  // namespace

Diagnostics with_places(const Diagnostics& found, const DocNode& document, const StageRegistry& registry) {
  std::optional<std::vector<SettablePath>> paths;
  std::size_t asked = 0;
  Diagnostics all;
  for (Diagnostic& d : found.sorted()) {
    if (wants_place(d) && ++asked <= kMostShownErrors) {
      if (!paths) paths = settable_paths(document, registry);
      const std::string wrong = path_of_key(document, d.where);
      const std::vector<SettablePath> meant = wrong.empty() ? std::vector<SettablePath>() : paths_meant(wrong, *paths);
      if (!meant.empty() && meant.front().path != wrong) d.help = fmt::format("{}; {}", place_text(meant), d.help);
    }
    all.add(std::move(d));
  }
  return all;
}

Diagnostics without_missing_dashes(const Diagnostics& found, const DocNode& document) {
  std::vector<std::string> firsts;  // as the errors of the parser name the first of two
  for (const Diagnostic& d : found.sorted()) {
    const DocNode* map = d.help == kPutDashes ? find_value(document, d.where) : nullptr;
    if (map == nullptr) continue;
    for (const DocMember& m : map->members)
      firsts.push_back(fmt::format("the first one is at line {}, column {}", m.key_where.line, column_of(m.key_where)));
  }
  Diagnostics all;
  for (Diagnostic& d : found.sorted()) {
    const bool is_said = d.name == "duplicate-key" && d.notes.size() == 1 &&
                         std::find(firsts.begin(), firsts.end(), d.notes.front()) != firsts.end();
    if (!is_said) all.add(std::move(d));
  }
  return all;
}

}  // namespace millrace::pipelines
