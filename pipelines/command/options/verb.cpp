// The table of verbs, which their files fill before `main` begins.
#include "verb.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::pipelines {
namespace {

// A function's own, because no order is promised among the constants of several files.
std::vector<Verb>& table() {
  static std::vector<Verb> table;
  return table;
}

bool stands_before(const Verb& a, const Verb& b) { return std::pair(a.group, a.name) < std::pair(b.group, b.name); }

}  // namespace

const char* heading_of(VerbGroup group) {
  constexpr std::array kHeadings{"Run", "Look at a config", "What a config can use", "Stages of your own",
                                 "The program itself"};
  return kHeadings[static_cast<std::size_t>(group)];
}

const std::vector<Verb>& verbs() { return table(); }

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const Verb& verb : verbs()) names.push_back(verb.name);
  return names;
}

const Verb* find_verb(std::string_view name) {
  const auto found = std::find_if(verbs().begin(), verbs().end(), [&](const Verb& verb) { return verb.name == name; });
  return found == verbs().end() ? nullptr : &*found;
}

const Verb& default_verb() { return *find_verb("run"); }

std::string command_of(const Verb& verb) {
  return verb.name == default_verb().name ? "pipeline-run" : fmt::format("pipeline-run {}", verb.name);
}

std::string usage_of(const Verb& verb) {
  const Target& target = verb.target;
  std::string text = target.usage.empty() ? target.name : target.usage;
  if (!text.empty()) text = target.missing.empty() ? fmt::format(" [{}]", text) : " " + text;
  return fmt::format("{}{} [options]", command_of(verb), text);
}

const Option* find_option(const Verb& verb, std::string_view name) {
  const auto found =
      std::find_if(verb.options.begin(), verb.options.end(), [&](const Option& option) { return option.name == name; });
  return found == verb.options.end() ? nullptr : &*found;
}

void RegisteredVerb::add(Verb verb) {
  verb.options = joined({{help_option()}, verb.options, {color_option()}});
  table().insert(std::upper_bound(table().begin(), table().end(), verb, stands_before), std::move(verb));
}

}  // namespace millrace::pipelines
