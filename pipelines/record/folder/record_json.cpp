// Trees are copied and destroyed by recursion, so that a deep one would end the process: they are refused before.
#include "record_json.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostDepth = 10000;  ///< what the stack of a thread takes many times over

class Nesting {
 public:
  /// False once it is too deep.
  bool take(char c) {
    if (is_text_) return take_in_text(c);
    if (c == '"') is_text_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    return depth_ <= kMostDepth;
  }

 private:
  bool take_in_text(char c) {
    if (!is_escaped_ && c == '"') is_text_ = false;
    is_escaped_ = !is_escaped_ && c == '\\';
    return true;
  }

  int depth_ = 0;
  bool is_text_ = false, is_escaped_ = false;
};

bool is_too_deep(const std::string& text) {
  Nesting nesting;
  for (const char c : text)
    if (!nesting.take(c)) return true;
  return false;
}

Json parsed(const std::string& text, const Json::parser_callback_t& wanted) {
  if (is_too_deep(text)) return Json::value_t::discarded;
  return Json::parse(text, wanted, false);
}

}  // namespace

Json record_json(const std::string& text) { return parsed(text, nullptr); }

Json record_json_without(const std::string& text, const std::string& key) {
  return parsed(text, [&key](int depth, Json::parse_event_t event, Json& part) {
    return depth != 1 || event != Json::parse_event_t::key || part != key;
  });
}

}  // namespace millrace::pipelines
