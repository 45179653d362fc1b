// The search is done as a run does it, and every place is kept instead of the first that fits.
#include "plugin_search_report.hpp"

#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "plugin_loading.hpp"
#include "plugins/plugin_loader.hpp"
#include "plugins/plugin_search.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

LookedAt look_at(const std::string& plugin, StageRegistry& registry) {
  constexpr const char* kOrigin = "--plugin";
  try {
    return look_at_plugin(kOrigin, find_plugin(plugin), registry, waiting_trial());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::plugin) throw;
    return {kOrigin, plugin, {}, error, {}};
  }
}

std::vector<LookedAt> look_everywhere(const std::vector<std::string>& plugins, StageRegistry& registry) {
  std::vector<LookedAt> all{{"built in", builtin_plugin_path(), load_builtin_plugin(registry), {}, {}}};
  for (const std::string& plugin : plugins) all.push_back(look_at(plugin, registry));
  std::vector<LookedAt> of_folders = load_plugins_of_folders(registry, waiting_trial());
  all.insert(all.end(), std::make_move_iterator(of_folders.begin()), std::make_move_iterator(of_folders.end()));
  return all;
}

std::string refusal_text(const Error& error) {
  std::string text =
      fmt::format("    refused, {}: {}\n", printable_line(error.name()), printable_message(error.message(), 6));
  for (const std::string& note : error.notes()) text += fmt::format("    note: {}\n", printable_message(note, 6));
  return error.help().empty() ? text : text + fmt::format("    help: {}\n", printable_message(error.help(), 6));
}

std::string described(const LookedAt& place) {
  const std::string head = fmt::format("  {}: {}\n", place.origin, printable_line(place.path));
  if (place.refusal) return head + refusal_text(*place.refusal);
  const std::string remark = place.remark.empty() ? "" : fmt::format("    {}\n", place.remark);
  if (place.stages.empty()) return head + remark;
  return head + fmt::format("    brings {}\n", fmt::join(place.stages, ", ")) + remark;
}

std::string page(const std::string& name, const StageInfo* info, const std::vector<LookedAt>& places,
                 const std::vector<std::string>& close) {
  std::string text = info != nullptr ? fmt::format("`{}` is there: plugin `{}`, {}\n", printable_line(name),
                                                   printable_line(info->plugin), printable_line(info->file))
                                     : fmt::format("no plugin brings a stage `{}`\n", printable_line(name));
  text += "\nLooked at, in this order:\n";
  for (const LookedAt& place : places) text += described(place);
  if (info == nullptr && !close.empty()) text += fmt::format("\nDid you mean `{}`?\n", fmt::join(close, "` or `"));
  return text;
}

Json place_json(const LookedAt& place) {
  Json object{{"origin", place.origin}, {"path", place.path}, {"stages", place.stages}};
  if (!place.remark.empty()) object["remark"] = place.remark;
  if (place.refusal)
    object["refusal"] = {{"name", place.refusal->name()},
                         {"message", place.refusal->message()},
                         {"help", place.refusal->help()},
                         {"notes", place.refusal->notes()}};
  return object;
}

Json page_json(const std::string& name, const StageInfo* info, const std::vector<LookedAt>& places) {
  Json object{{"schema", 1}, {"stage", name}, {"found", info != nullptr}, {"looked_at", Json::array()}};
  if (info != nullptr) object["file"] = info->file;
  for (const LookedAt& place : places) object["looked_at"].push_back(place_json(place));
  return object;
}

// A plugin that was refused may be the one that brings the stage; else the name is wrong.
int exit_code_without(const std::vector<LookedAt>& places) {
  const bool refused =
      std::any_of(places.begin(), places.end(), [](const LookedAt& place) { return place.refusal.has_value(); });
  return static_cast<int>(refused ? ErrorKind::plugin : ErrorKind::usage);
}

}  // namespace

int report_plugin_search(const std::string& stage, const std::vector<std::string>& plugins, bool json) {
  StageRegistry registry;
  const std::vector<LookedAt> places = look_everywhere(plugins, registry);
  const StageInfo* info = registry.find(stage);
  if (json)
    write_result(json_line(page_json(stage, info, places)));
  else
    answer(page(stage, info, places, close_names(stage, registry.names())));
  return info != nullptr ? 0 : exit_code_without(places);
}

}  // namespace millrace::pipelines
