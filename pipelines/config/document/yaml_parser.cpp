// The only file that includes yaml-cpp: its events become a tree of ours, its exceptions diagnostics.
#include "yaml_parser.hpp"

#include "encoding_check.hpp"
#include "limits.hpp"
#include "tree_builder.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

namespace millrace::pipelines {
namespace {

TextMark mark_of(const YAML::Mark& mark) { return {mark.line, mark.column}; }

class Events final : public YAML::EventHandler {
 public:
  explicit Events(TreeBuilder& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    // For a text such as `,` the parser never advances and would give documents for ever, so the second one ends it.
    const std::string_view rest = tree_.positions().rest(mark.line, mark.column);
    const bool marked = rest.empty() || rest.starts_with("---") || rest.front() == '\n';
    if (marked)
      tree_.fault(mark_of(mark), "yaml-documents", "a second document starts here", "keep one document in a file");
    else
      tree_.fault(mark_of(mark), "yaml-syntax", fmt::format("unexpected `{}`", rest.front()), "remove it");
    throw ParseStopped{};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { tree_.null(mark_of(mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { tree_.alias(mark_of(mark), anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    tree_.scalar(mark_of(mark), tag, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    tree_.begin(DocNode::Kind::list, mark_of(mark), tag, anchor);
  }
  void OnSequenceEnd() override { tree_.end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    tree_.begin(DocNode::Kind::map, mark_of(mark), tag, anchor);
  }
  void OnMapEnd() override { tree_.end(); }

 private:
  TreeBuilder& tree_;
  int documents_ = 0;
};

// The parser looks ahead through every open bracket before its first event, at some 200 bytes each, so a text that can only
// be too deep is refused before. Brackets in comments and texts count as well, hence the generous limit.
bool opens_too_many_brackets(std::string_view text, TreeBuilder& tree) {
  constexpr std::size_t kMostOpen = 4096;
  std::size_t depth = 0;
  TextMark at, deep;
  for (const char c : text) {
    if ((c == '[' || c == '{') && ++depth == kMaxDepth) deep = at;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > kMostOpen) {
      tree.fault(deep, "too-deep", fmt::format("nested deeper than {} levels", kMaxDepth), "use fewer levels");
      return true;
    }
    at = c == '\n' ? TextMark{at.line + 1, 0} : TextMark{at.line, at.column + 1};
  }
  return false;
}

/// The innermost bracket that is not closed, texts in quotes and comments left out; as far as that can be told line by line.
std::optional<std::pair<TextMark, char>> unclosed_bracket(std::string_view text) {
  std::vector<std::pair<TextMark, char>> open;
  char quote = 0, before = ' ';
  bool in_comment = false;
  TextMark at;
  for (const char c : text) {
    if (c == '\n') in_comment = false;
    if (!in_comment && quote == 0) {
      in_comment = c == '#' && (before == ' ' || before == '\n' || before == '\t');
      if ((c == '"' || c == '\'') && std::string_view(" \n\t[{,:").find(before) != std::string_view::npos) quote = c;
      if (c == '[' || c == '{') open.emplace_back(at, c);
      if ((c == ']' || c == '}') && !open.empty()) open.pop_back();
    } else if (!in_comment && c == quote && before != '\\') {
      quote = 0;
    }
    before = c;
    at = c == '\n' ? TextMark{at.line + 1, 0} : TextMark{at.line, at.column + 1};
  }
  if (open.empty()) return std::nullopt;
  return open.back();
}

// The parser names the end of the file, where nobody finds what is missing.
bool report_unclosed(std::string_view text, TreeBuilder& tree, const YAML::Exception& e) {
  if (e.msg != YAML::ErrorMsg::END_OF_MAP_FLOW && e.msg != YAML::ErrorMsg::END_OF_SEQ_FLOW) return false;
  const auto bracket = unclosed_bracket(text);
  if (!bracket) return false;
  const char end = bracket->second == '{' ? '}' : ']';
  tree.fault(bracket->first, "yaml-syntax", fmt::format("this `{}` is not closed", bracket->second),
             fmt::format("write `{}` where it ends, and a comma between two entries", end));
  return true;
}

// Tabs are the commonest syntax error, and the parser finds it late and says something else.
void report_syntax(TreeBuilder& tree, const YAML::Exception& e) {
  const std::string_view line = tree.positions().rest(e.mark.line, 0);
  const std::size_t indent = line.find_first_not_of(" \t");
  const std::size_t tab = line.substr(0, indent).find('\t');
  if (tab == std::string_view::npos) return tree.fault(mark_of(e.mark), "yaml-syntax", e.msg);
  tree.fault({e.mark.line, static_cast<int>(tab)}, "yaml-syntax", "a tab in the indentation", "indent with spaces");
}

bool has_encoding_fault(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics) {
  const auto fault = find_encoding_fault(source->text);
  if (!fault) return false;
  const auto begin = source->text.begin(), at = begin + static_cast<std::ptrdiff_t>(fault->byte);
  const auto line_start = std::find(std::make_reverse_iterator(at), source->text.rend(), '\n').base();
  const Location where{source, static_cast<int>(std::count(begin, at, '\n')) + 1, static_cast<int>(at - line_start) + 1,
                       1};
  diagnostics.add({ErrorKind::config,
                   "yaml-encoding",
                   fault->message,
                   where,
                   "",
                   source->is_argument ? "write it in double quotes as YAML does: \"\\e\", \"\\u00e9\""
                                       : "save the file as plain UTF-8",
                   {}});
  return true;
}

}  // namespace

std::optional<DocNode> parse_yaml(const std::shared_ptr<const SourceText>& source, std::size_t offset,
                                  Diagnostics& diagnostics) {
  std::size_t values = 0;
  return parse_yaml(source, offset, diagnostics, values);
}

std::optional<DocNode> parse_yaml(const std::shared_ptr<const SourceText>& source, std::size_t offset,
                                  Diagnostics& diagnostics, std::size_t& values) {
  if (has_encoding_fault(source, diagnostics)) return std::nullopt;
  TreeBuilder tree(TextPositions(source, offset), diagnostics, values);
  if (opens_too_many_brackets(std::string_view(source->text).substr(offset), tree)) return std::nullopt;
  try {
    std::istringstream stream(source->text.substr(offset));
    YAML::Parser parser(stream);
    Events events(tree);
    if (parser.HandleNextDocument(events)) parser.HandleNextDocument(events);
    return tree.take_root();
  } catch (const YAML::Exception& e) {
    if (!report_unclosed(std::string_view(source->text).substr(offset), tree, e)) report_syntax(tree, e);
  } catch (const ParseStopped&) {
  }
  return std::nullopt;
}

std::optional<DocNode> read_value(std::string_view text, const std::string& origin, Diagnostics& diagnostics) {
  return parse_yaml(std::make_shared<const SourceText>(SourceText{origin, std::string(text), true}), 0, diagnostics);
}

}  // namespace millrace::pipelines
