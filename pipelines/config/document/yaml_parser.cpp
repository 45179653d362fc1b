// The only file that includes yaml-cpp: its events become a tree of ours, its exceptions diagnostics.
#include "yaml_parser.hpp"

#include "encoding_check.hpp"
#include "limits.hpp"
#include "syntax_help.hpp"
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

ParserStop stop_of(const YAML::Exception& e) {
  if (e.msg == YAML::ErrorMsg::MAP_VALUE) return ParserStop::key_value;
  if (e.msg == YAML::ErrorMsg::END_OF_MAP || e.msg == YAML::ErrorMsg::END_OF_SEQ) return ParserStop::end_of_block;
  if (e.msg == YAML::ErrorMsg::END_OF_MAP_FLOW || e.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW)
    return ParserStop::end_of_brackets;
  return ParserStop::other;
}

void report_syntax(std::string_view text, TreeBuilder& tree, const YAML::Exception& e) {
  const auto fault = likely_fault(text, stop_of(e), mark_of(e.mark));
  if (fault)
    tree.fault(fault->at, "yaml-syntax", fault->message, fault->help);
  else
    tree.fault(mark_of(e.mark), "yaml-syntax", e.msg);
}

bool has_encoding_fault(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics) {
  const auto fault = find_encoding_fault(source->text);
  if (!fault) return false;
  const auto begin = source->text.begin(), at = begin + static_cast<std::ptrdiff_t>(fault->byte);
  const auto line_start = std::find(std::make_reverse_iterator(at), source->text.rend(), '\n').base();
  const Location where{source, static_cast<int>(std::count(begin, at, '\n')) + 1, static_cast<int>(at - line_start) + 1,
                       1};
  diagnostics.add({{.kind = ErrorKind::config,
                    .name = "yaml-encoding",
                    .message = fault->message,
                    .help = source->is_argument ? "write it in double quotes as YAML does: \"\\e\", \"\\u00e9\""
                                                : "save the file as plain UTF-8"},
                   where});
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
    report_syntax(std::string_view(source->text).substr(offset), tree, e);
  } catch (const ParseStopped&) {
  }
  return std::nullopt;
}

std::optional<DocNode> read_value(std::string_view text, const std::string& origin, Diagnostics& diagnostics) {
  return parse_yaml(std::make_shared<const SourceText>(SourceText{origin, std::string(text), true}), 0, diagnostics);
}

}  // namespace millrace::pipelines
