// Plain where YAML reads a text back as the same, in quotes elsewhere; comments stand in one column.
#include "config_text.hpp"

#include "diagnostics/printable_text.hpp"
#include "references.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <set>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kCommentColumn = 48;

// Letters that YAML takes for a text, not for a truth value or null.
bool is_word(const std::string& text) {
  static const std::set<std::string> kNoWords = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower;
  for (const char c : text) {
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((small < 'a' || small > 'z') && (lower.empty() || small < '0' || small > '9') && small != '_') return false;
    lower += small;
  }
  return !lower.empty() && !kNoWords.contains(lower);
}

std::string quoted(const std::string& text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

// A plain scalar stays as the user wrote it, so that it keeps its type; what YAML would read otherwise is quoted.
std::string scalar_text(const DocNode& node) {
  if (node.text.find("${") != std::string::npos) return quoted(as_plain(node.text));
  const bool is_plain = !node.quoted && !node.text.empty() && printable(node.text) == node.text &&
                        node.text.find_first_of(":#{}[],&*!|>'\"%@`\n\t") == std::string::npos &&
                        node.text.front() != ' ' && node.text.back() != ' ' && node.text != "-" &&
                        !node.text.starts_with("- ") && node.text.front() != '?';
  return is_plain || is_word(node.text) ? node.text : quoted(node.text);
}

std::string key_text(const std::string& key) {
  DocNode node;
  node.text = key;
  return scalar_text(node);
}

class YamlWriter {
 public:
  std::string text;

  // `after_dash`: the first member stands on the line of its list's dash.
  void members(const DocNode& map, std::size_t depth, bool after_dash = false) {
    for (const DocMember& member : map.members) {
      if (!after_dash) text.append(2 * depth, ' ');
      after_dash = false;
      entry(key_text(member.key) + ":", member.value, depth);
    }
  }

 private:
  // `head` is "key:" or "-", already indented; what follows goes on the same line or a level deeper.
  void entry(const std::string& head, const DocNode& value, std::size_t depth) {
    const std::string inline_value = flow(value);
    if (!inline_value.empty()) return line(head + " " + inline_value, value.where);
    const bool is_item = head == "-";
    text += head + (is_item && value.is_map() ? " " : "\n");
    if (value.is_map()) return members(value, depth + 1, is_item);
    for (const DocNode& item : value.items) {
      text.append(2 * (depth + 1), ' ');
      entry("-", item, depth + 1);
    }
  }

  // Scalars and what is empty; and lists of scalars of one origin, which read better on one line.
  static std::string flow(const DocNode& value) {
    if (value.is_scalar()) return scalar_text(value);
    if (value.is_null()) return "~";
    if (value.is_map()) return value.members.empty() ? "{}" : "";
    std::string list;
    for (const DocNode& item : value.items) {
      if (!item.is_scalar() || origin_text(item.where) != origin_text(value.where)) return "";
      list += (list.empty() ? "" : ", ") + scalar_text(item);
    }
    return "[" + list + "]";
  }

  void line(const std::string& content, const Location& where) {
    const std::size_t start = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    text += content;
    const std::size_t width = text.size() - start;
    text.append(width < kCommentColumn ? kCommentColumn - width : 2, ' ');
    text += "# " + printable_line(origin_text(where)) + "\n";
  }
};

}  // namespace

std::string origin_text(const Location& where) {
  if (!where.source) return "default";
  return where.source->is_argument || where.line == 0 ? where.source->name
                                                      : fmt::format("{}:{}", where.source->name, where.line);
}

std::string config_text(const DocNode& config) {
  YamlWriter writer;
  writer.members(config, 0);
  return printable(writer.text);
}

}  // namespace millrace::pipelines
