// Keys that say nothing are left out: a flag has no value, most options have no letter.
#include "commands_json.hpp"

#include "command/options/verb.hpp"
#include "command/terminal/answer.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

void add_unless_empty(const char* key, const std::string& text, Json& object) {
  if (!text.empty()) object[key] = text;
}

Json option_object(const Option& option) {
  Json object = {{"name", option.name}, {"kind", name_of(option.kind)}, {"help", option.help}};
  add_unless_empty("letter", option.letter, object);
  add_unless_empty("value", option.placeholder, object);
  add_unless_empty("example", option.example, object);
  if (!option.choices.empty()) object["choices"] = option.choices;
  if (option.stands_alone) object["stands_alone"] = true;
  return object;
}

Json verb_object(const Verb& verb) {
  Json object = {{"name", verb.name},       {"group", heading_of(verb.group)}, {"summary", verb.summary},
                 {"usage", usage_of(verb)}, {"only_looks", verb.only_looks},   {"examples", verb.examples},
                 {"options", Json::array()}};
  for (const Option& option : verb.options) object["options"].push_back(option_object(option));
  if (const Target& target = verb.target; !target.name.empty())
    object["target"] = {{"name", target.name},
                        {"required", !target.missing.empty()},
                        {"several", target.takes_several},
                        {"help", target.help},
                        {"example", target.example}};
  return object;
}

}  // namespace

std::string commands_json() {
  Json object = {{"schema", 1}, {"verbs", Json::array()}};
  for (const Verb& verb : verbs()) object["verbs"].push_back(verb_object(verb));
  return json_line(object);
}

}  // namespace millrace::pipelines
