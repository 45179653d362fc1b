// One name at a time, because the answers have what else they know between them, in an order that stays.
#include "problem_json.hpp"

#include "printable_text.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

Json value_of(const Problem& problem, std::string_view member) {
  const auto short_text = [](const std::string& text) { return Json(shortened(text, kMostMessageBytes)); };
  if (member == "name") return short_text(problem.name);
  if (member == "message") return short_text(problem.message);
  if (member == "help") return short_text(problem.help);
  Json notes = Json::array();
  for (const std::string& note : problem.notes) notes.push_back(short_text(note));
  return notes;
}

}  // namespace

void add_members(Json& object, const Problem& problem, std::initializer_list<std::string_view> members) {
  for (const std::string_view member : members) object[std::string(member)] = value_of(problem, member);
}

}  // namespace millrace::pipelines
