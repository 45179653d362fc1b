// What follows from an option's data alone: its spelling, the values it takes, what is said of one it does not take.
#include "option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace millrace::pipelines {
namespace {

bool is_same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> choice_of(const Option& option, const std::string& value) {
  for (const std::string& choice : option.choices)
    if (is_same_word(choice, value)) return choice;
  return std::nullopt;
}

bool is_count(const std::string& value, const CountRange& range) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  return error == std::errc() && end == value.data() + value.size() && count >= range.least && count <= range.most;
}

/// "dot or mermaid", "auto, always or never".
std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

std::string count_text(const CountRange& range) {
  const std::string of = *range.of == '\0' ? "" : fmt::format(" of {}", range.of);
  if (range.most != kNoLimit) return fmt::format("a number{} from {} to {}", of, range.least, range.most);
  return fmt::format("a {}number{}", range.least == 0 ? "" : "positive ", of);
}

}  // namespace

const char* name_of(ValueKind kind) {
  constexpr std::array kNames{"flag", "text", "count", "choice", "file"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string spelling(const Option& option) {
  return fmt::format("{}{}--{}{}{}", option.letter.empty() ? "" : "-" + option.letter, option.letter.empty() ? "" : ",",
                     option.name, option.placeholder.empty() ? "" : " ", option.placeholder);
}

std::optional<std::string> accepted(const Option& option, const std::string& value) {
  if (option.kind == ValueKind::choice) return choice_of(option, value);
  if (value.empty())
    return std::nullopt;  // a variable of a shell that is not set, which must not pass for the option left out
  if (option.kind != ValueKind::count || is_count(value, option.range)) return value;
  return std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end() ? std::optional(value)
                                                                                                : std::nullopt;
}

std::string refusal(const Option& option) {
  if (option.kind == ValueKind::choice) return "not " + alternatives(option.choices);
  if (option.kind != ValueKind::count)
    return fmt::format("empty, where {} is wanted: --{} {}", option.placeholder, option.name, option.example);
  const std::string words = option.choices.empty() ? "" : ", or " + alternatives(option.choices);
  return "not " + count_text(option.range) + words;
}

std::vector<std::string> values_to_offer(const Option& option, const TypedWords& typed) {
  if (option.candidates) return option.candidates(typed);
  return option.kind == ValueKind::file ? std::vector<std::string>{kFileCandidates} : option.choices;
}

std::vector<Option> joined(const std::vector<std::vector<Option>>& lists) {
  std::vector<Option> all;
  for (const std::vector<Option>& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

Option help_option() { return {.name = "help", .letter = "h", .help = "Print this help"}; }

Option color_option() {
  return {.name = "color",
          .kind = ValueKind::choice,
          .placeholder = "WHEN",
          .help = "auto, always or never",
          .example = "never",
          .choices = {"auto", "always", "never"},
          .store = [](VerbOptions& options, const std::string& when) {
            options.color = when == "auto"     ? ColorChoice::automatic
                            : when == "always" ? ColorChoice::always
                                               : ColorChoice::never;
          }};
}

Option json_option() {
  return {.name = "json", .help = "Print one JSON object on standard output", .store = into(&VerbOptions::json)};
}

}  // namespace millrace::pipelines
