// Puts a tree together from the events of a parser, and enforces what the parser does not: limits, unique keys, `<<`.
#pragma once

#include "document.hpp"
#include "text_positions.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace millrace::pipelines {

/// Thrown to leave the parser when a limit is reached; the diagnostic has been added.
struct ParseStopped {};

/// The user's text says where an event happened: line and column from 0.
struct TextMark {
  int line = 0, column = 0;
};

class TreeBuilder {
 public:
  /// `values`: how many there are, counted on.
  TreeBuilder(TextPositions positions, Diagnostics& diagnostics, std::size_t& values);

  void scalar(TextMark, const std::string& tag, std::size_t anchor, const std::string& value);
  void null(TextMark, std::size_t anchor);
  void alias(TextMark, std::size_t anchor);
  void begin(DocNode::Kind, TextMark, const std::string& tag, std::size_t anchor);
  void end();
  DocNode take_root() { return std::move(root_); }
  const TextPositions& positions() const { return positions_; }
  /// Adds a diagnostic of the parser.
  void fault(TextMark, std::string name, std::string message, std::string help = {});

 private:
  struct Open {
    DocNode node;
    std::size_t anchor = 0;
    bool has_key = false, repeated = false;
    DocMember member;                                // whose key was read, whose value is next
    std::unordered_map<std::string, Location> keys;  // read so far
    std::vector<DocNode> merged;                     // values of `<<`
  };

  void put(DocNode node, std::size_t anchor);
  void take_key(Open& map, DocNode node);
  void take_value(Open& map, DocNode node);
  void merge(Open& map, const DocNode& from);
  void check_tag(TextMark, const std::string& tag);
  void count(std::size_t nodes, const Location&);
  [[noreturn]] void stop(const Location&, std::string name, std::string message, std::string help);

  TextPositions positions_;
  Diagnostics& diagnostics_;
  std::size_t& nodes_;
  DocNode root_;
  std::vector<Open> open_;
  std::unordered_map<std::size_t, DocNode> anchors_;
};

}  // namespace millrace::pipelines
