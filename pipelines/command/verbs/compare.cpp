// `pipeline-run compare A B ...`: what is not the same in several runs, and what they came to.
#include "command/keeping/page_options.hpp"
#include "command/keeping/run_target.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "config/document/yaml_parser.hpp"
#include "diagnostics/printable_text.hpp"
#include "record/runs/run_lookup.hpp"
#include "report/comparison_json.hpp"
#include "report/page/comparison_page.hpp"
#include "report/record_reading.hpp"
#include "report/text/comparison_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

struct CompareOptions : VerbOptions, RunsFolder, PageOptions {
  std::vector<std::string> words;
};

bool is_plain(const DocNode& list) {
  return std::all_of(list.items.begin(), list.items.end(), [](const DocNode& item) { return item.is_scalar(); });
}

// Quoted where it would mean something else without.
std::string scalar_text(const DocNode& scalar) {
  const bool is_word = !scalar.text.empty() && scalar.text.find_first_of(",[]{}:#\"' ") == std::string::npos &&
                       std::isalpha(static_cast<unsigned char>(scalar.text.front())) != 0 && scalar.text != "null" &&
                       scalar.text != "true" && scalar.text != "false";
  return !scalar.quoted || is_word ? scalar.text
                                   : Json(scalar.text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string list_text(const DocNode& list) {
  std::string text;
  for (const DocNode& item : list.items) text += (text.empty() ? "" : ", ") + scalar_text(item);
  return "[" + text + "]";
}

// NOLINTNEXTLINE(misc-no-recursion): the parser bounds the depth
void flatten(const std::string& path, const DocNode& value, std::vector<NamedText>& found) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (value.is_scalar()) found.push_back({path, scalar_text(value)});
  if (value.is_null()) found.push_back({path, "null"});
  if (value.is_list() && is_plain(value)) {
    found.push_back({path, list_text(value)});
  } else if (value.is_list()) {
    for (std::size_t i = 0; i < value.items.size(); ++i) flatten(below(std::to_string(i)), value.items[i], found);
  }
  for (const DocMember& member : value.members) flatten(below(member.key), member.value, found);
}

// As --set takes them: a node's parameters stand below its name.
std::vector<NamedText> node_values(const DocMember& node) {
  std::vector<NamedText> found;
  for (const DocMember& member : node.value.members)
    flatten(member.key == "with" ? node.key : node.key + "." + member.key, member.value, found);
  return found;
}

std::vector<NamedText> config_values(const RunRecord& record) {
  const std::string& text = record.config;
  std::vector<NamedText> found;
  Diagnostics ignored;  // a config that is torn has the values that can be read
  const auto source = std::make_shared<const SourceText>(SourceText{"config.yaml", text});
  const std::optional<DocNode> config = parse_yaml(source, 0, ignored);
  if (!config || config->members.empty()) {
    write_note(fmt::format("warning[config-unreadable]: {}/config.yaml cannot be read, so nothing of it is compared\n",
                           shown(record.folder)));
    return found;
  }
  for (const DocMember& member : config->members) {
    if (member.key != "graph") {
      flatten(member.key, member.value, found);
      continue;
    }
    for (const DocMember& node : member.value.members) {
      const std::vector<NamedText> values = node_values(node);
      found.insert(found.end(), values.begin(), values.end());
    }
  }
  return found;
}

int act_compare(const CompareOptions& options) {
  std::vector<ComparedRun> runs;
  for (const std::string& word : options.words) {
    RunRecord record = read_run(find_run(word, options.runs_folder()));
    std::vector<NamedText> config = config_values(record);
    for (const std::string& damage : record.damages)
      write_note(fmt::format("warning[journal-damaged]: {}\n", printable_line(damage)));
    runs.push_back({std::move(record), std::move(config)});
  }
  const bool unicode = options.output.empty() && style_of(result_descriptor(), options.color).unicode;
  answer_in_form(options, options,
                 {.text = [&] { return comparison_text(runs, unicode); },
                  .html = [&] { return comparison_page(runs); },
                  .json = [&] { return json_line(comparison_json(runs)); }});
  return 0;
}

std::string conflict(const CompareOptions& options) {
  if (options.words.size() < 2) return "compare takes two runs or more";
  return options.words.size() > kMostCompared ? fmt::format("compare takes {} runs at most", kMostCompared)
                                              : page_conflict(options, options);
}

const RegisteredVerb kCompare({.name = "compare",
                               .group = VerbGroup::run,
                               .summary = "how runs differ: configs, values and curves",
                               .target = run_target(into(&CompareOptions::words), true),
                               .options = joined({{json_option(), runs_option()}, page_options()}),
                               .examples = {},
                               .only_looks = false,
                               .conflict = on_own(conflict)},
                              act_compare);

}  // namespace
}  // namespace millrace::pipelines
