// Mutation: each scalar gives way to bad texts, each item is removed, doubled, changed or swapped; then random edits of bytes, and files that
// are extreme in one respect.
#include "config_mutants.hpp"

#include "config/document/yaml_parser.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <set>

namespace millrace::pipelines {
namespace {

// As they stand in the text; some are no YAML.
constexpr std::array kBadTexts{"\"\"",
                               "~",
                               "-1",
                               "1e999",
                               "99999999999999999999",
                               "[x]",
                               "{x: y}",
                               "\"\\u202E\"",
                               "${env:",
                               "*a",
                               "&a !!b x",
                               "x.y.z",
                               "\"\x7F\"",
                               "|",
                               "'",
                               "\"x y\"",
                               "0",
                               "true",
                               "1e400",
                               "null",
                               "2024-01-01",
                               "train.images",
                               "1/0"};

struct Span {
  std::size_t start, length;
  bool operator<(const Span& other) const { return start < other.start; }
};

class Spans {
 public:
  explicit Spans(const std::string& text) : lines_{0} {
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
      lines_.push_back(at + 1);
  }
  void add(const DocNode& node) {
    if (node.is_scalar()) add(node.where);
    for (const DocNode& item : node.items) add(item);
    for (const DocMember& member : node.members) {
      add(member.key_where);
      add(member.value);
    }
  }
  const std::set<Span>& all() const { return spans_; }

 private:
  void add(const Location& where) {
    const std::size_t line = lines_.at(static_cast<std::size_t>(where.line) - 1);
    spans_.insert({line + static_cast<std::size_t>(where.column) - 1, static_cast<std::size_t>(where.length)});
  }
  std::vector<std::size_t> lines_;
  std::set<Span> spans_;
};

// In braces and brackets, on one line.
std::string flow_text(const DocNode& node) {
  if (node.is_null()) return "~";
  if (node.is_scalar()) return node.quoted ? nlohmann::json(node.text).dump() : node.text;
  std::string inside;
  for (const DocNode& item : node.items) inside += (inside.empty() ? "" : ", ") + flow_text(item);
  for (const DocMember& m : node.members) inside += (inside.empty() ? "" : ", ") + m.key + ": " + flow_text(m.value);
  return node.is_list() ? "[" + inside + "]" : "{" + inside + "}";
}

DocNode scalar(std::string text) { return {DocNode::Kind::scalar, std::move(text), false, {}, {}, {}}; }
DocNode list_of(DocNode item) { return {DocNode::Kind::list, "", false, {}, {std::move(item)}, {}}; }
DocNode map_of(DocNode value) { return {DocNode::Kind::map, "", false, {}, {}, {{"stage", {}, std::move(value)}}}; }

class TreeMutants {
 public:
  explicit TreeMutants(DocNode root) : root_(std::move(root)) {}
  std::vector<Mutant> take() {
    visit(root_, "");
    return std::move(mutants_);
  }

 private:
  void emit(const std::string& what) { mutants_.push_back({what, flow_text(root_) + "\n"}); }

  template <class Container>
  void change_all(Container& all, const std::string& path) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Container before = all;
      const auto at = all.begin() + static_cast<std::ptrdiff_t>(i);
      const std::string here = fmt::format("{}.{}", path, i);
      all.erase(at);
      emit(here + " removed");
      all = before;
      all.insert(all.begin() + static_cast<std::ptrdiff_t>(i), before[i]);
      emit(here + " twice");
      all = before;
      change(value_of(all[i]), here);
      if (i + 1 < all.size()) {
        std::swap(value_of(all[i]), value_of(all[i + 1]));
        emit(here + " swapped with the next");
        all = before;
      }
      visit(value_of(all[i]), here);
    }
  }

  void change(DocNode& node, const std::string& path) {
    const DocNode before = node;
    const std::array<DocNode, 6> others{DocNode{},           scalar("x"),     list_of(scalar("1")),
                                        map_of(scalar("1")), list_of(before), map_of(before)};
    for (std::size_t i = 0; i < others.size(); ++i) {
      node = others[i];
      emit(fmt::format("{} changed in way {}", path, i));
    }
    node = before;
  }

  static DocNode& value_of(DocNode& node) { return node; }
  static DocNode& value_of(DocMember& member) { return member.value; }

  void visit(DocNode& node, const std::string& path) {
    change_all(node.items, path);
    change_all(node.members, path);
  }

  DocNode root_;
  std::vector<Mutant> mutants_;
};

std::string repeated(int times, const std::function<std::string(int)>& part) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part(i);
  return text;
}

std::string graph(const std::string& nodes) { return "version: 1\ngraph:\n" + nodes; }

const std::string kSource = "  t: {stage: table_source, with: {columns: {x: [1, 2]}}}\n";

// 54 letters, all names close to each other.
std::string long_name(int i) { return fmt::format("a_node_with_a_name_as_long_as_generated_ones_are_{:05}", i); }

}  // namespace

std::vector<Mutant> mutants_of(const std::string& text) {
  Diagnostics none;
  const auto source = std::make_shared<const SourceText>(SourceText{"config", text, false});
  std::optional<DocNode> document = parse_yaml(source, 0, none);
  if (!document) return {};
  Spans spans(text);
  spans.add(*document);
  std::vector<Mutant> mutants;
  for (const Span& span : spans.all())
    for (const char* bad : kBadTexts)
      mutants.push_back(
          {fmt::format("`{}` at byte {}", bad, span.start), std::string(text).replace(span.start, span.length, bad)});
  for (Mutant& mutant : TreeMutants(std::move(*document)).take()) mutants.push_back(std::move(mutant));
  return mutants;
}

std::vector<Mutant> spoiled_files(const std::string& text, std::uint32_t seed, int count) {
  static constexpr std::array kPieces{"\t",
                                      "\r",
                                      "\n",
                                      "[",
                                      "{",
                                      "]",
                                      "}",
                                      ": ",
                                      "- ",
                                      "&a ",
                                      "*a",
                                      "<<: *a",
                                      "!!python/x ",
                                      "\"",
                                      "'",
                                      "|\n",
                                      "\xE2\x80\xAE",
                                      "\xEF\xBB\xBF",
                                      "\xC0\x80",
                                      "\xED\xA0\x80",
                                      "\x1B[31m",
                                      "---\n",
                                      "...\n",
                                      "%YAML 9\n",
                                      "? ",
                                      "${env:",
                                      "#",
                                      "1e400",
                                      "0x7f",
                                      "9999999999999999999"};
  std::mt19937 random(seed);
  std::vector<Mutant> files;
  for (int i = 0; i < count; ++i) {
    std::string spoiled = text;
    const std::size_t at = random() % text.size(), other = random() % text.size(), kind = random() % 6;
    if (kind == 0) spoiled.resize(at);
    if (kind == 1) spoiled[at] = static_cast<char>(random() % 256);
    if (kind == 2) spoiled[at] = static_cast<char>(static_cast<unsigned char>(spoiled[at]) ^ (1U << random() % 8));
    if (kind == 3) spoiled.insert(at, kPieces[random() % kPieces.size()]);
    if (kind == 4) spoiled.insert(at, spoiled.substr(other, 200));
    if (kind == 5) spoiled.erase(at, random() % 200);
    if (random() % 8 == 0) spoiled.insert(other % spoiled.size(), 1, '\0');
    files.push_back({fmt::format("kind {} of seed {}, number {}", kind, seed, i), std::move(spoiled)});
  }
  return files;
}

std::string misspelled_nodes(int count) {
  return graph(kSource + repeated(count, [](int i) {
                 return fmt::format("  {}: {{stage: {}, in: {}x}}\n", long_name(i), long_name(i), long_name(i));
               }));
}

std::string columns(int count) {
  return repeated(count, [](int i) { return fmt::format("c{}: [1], ", i); });
}

std::string batch_of_columns(int count, const std::string& ending) {
  return "  t: {stage: table_source, with: {columns: {" + columns(count) + "}}}\n  b: {stage: batcher, in: {" +
         repeated(count, [&](int i) { return fmt::format("i{0}: t.c{0}{1}, ", i, ending); }) +
         "}, with: {batch_size: 1}}\n";
}

std::string misspelled_outputs(int count) { return graph(batch_of_columns(count, "x")); }

std::string unknown_fields(int count) {
  return graph(batch_of_columns(count, "") +
               "  l: {stage: trainer, in: b, with: {model: [dense: {units: 1}], loss: mse}}\n");
}

std::vector<Mutant> extreme_files() {
  const auto used = [](int i) { return fmt::format("  {}: {{stage: print, in: {}x}}\n", long_name(i), long_name(i)); };
  std::vector<Mutant> files{
      {"999 misspelled inputs", graph(kSource + repeated(998, used))},
      {"999 misspelled stages and inputs", misspelled_nodes(998)},
      {"misspelled outputs", misspelled_outputs(8'000)},
      {"a batch of unknown fields", unknown_fields(8'000)},
      {"unknown keys", graph(kSource) + repeated(30'000, [](int i) { return fmt::format("k{}: 1\n", i); })},
      {"unknown parameters", graph("  t: {stage: batcher, with: {" +
                                   repeated(30'000, [](int i) { return fmt::format("k{}: 1, ", i); }) + "}}\n")},
      {"unknown keys of run in a chain", "version: 1\nchains: {c: [" + repeated(900, [](int) { return "flatten, "; }) +
                                             "]}\ngraph:\n" + kSource + "  c: {chain: c, in: t, run: {" +
                                             repeated(30'000, [](int i) { return fmt::format("k{}: 1, ", i); }) +
                                             "}}\n"},
      {"a key many times", "version: 1\nx-a: {" + repeated(40'000, [](int) { return "k: 1, "; }) + "}\n"},
      {"a wide key many times",
       "version: 1\nx-a: {" + repeated(30'000, [](int) { return "\xE7\xB4\x85: 1, "; }) + "}\n"},
      {"a long chain used often",
       "version: 1\nchains: {c: [one_hot: {classes: [" +
           repeated(30'000, [](int i) { return fmt::format("c{}, ", i); }) + "]}]}\ngraph:\n" + kSource +
           repeated(900, [](int i) { return fmt::format("  n{}: {{chain: c, in: t}}\n", i); })},
      {"many chains",
       "version: 1\nchains:\n" + repeated(20'000, [](int i) { return fmt::format("  c{}: [print]\n", i); }) +
           "graph:\n" + kSource +
           repeated(900, [](int i) { return fmt::format("  n{}: {{chain: c{}, in: t}}\n", i, 19'999 - i); })},
      {"a chain of very many", "version: 1\nchains: {c: [" + repeated(90'000, [](int) { return "flatten, "; }) +
                                   "]}\ngraph:\n" + kSource + "  c: {chain: c, in: t}\n"},
      {"a reference of points", graph(kSource + "  p: {stage: print, in: " + std::string(60'000, '.') + "}\n")},
      {"a reference of letters and points",
       graph(kSource + "  p: {stage: print, in: \"" + repeated(15'000, [](int) { return "t.x."; }) + "\"}\n")},
      {"many inputs", graph(kSource + "  p: {stage: metrics_sink, in: {" +
                            repeated(30'000, [](int i) { return fmt::format("m{}: t, ", i); }) + "}}\n")},
      {"many inputs of one stage", graph(kSource + "  p: {stage: print, in: {" +
                                         repeated(30'000, [](int i) { return fmt::format("m{}: t, ", i); }) + "}}\n")},
      {"many columns, each used",
       graph("  t: {stage: table_source, with: {columns: {" + columns(16'000) + "}}}\n  b: {stage: batcher, in: {" +
             repeated(16'000, [](int i) { return fmt::format("c{}: t.c{}, ", i, i); }) +
             "}, with: {batch_size: 1}}\n  p: {stage: print, in: {in: b}}\n")},
      {"many columns, one used", graph("  t: {stage: table_source, with: {columns: {" + columns(30'000) +
                                       "}}}\n  p: {stage: print, in: {in: t.c0}}\n")},
      {"numbers of all lengths",
       graph(kSource + "  b: {stage: batcher, in: {x: t}, with: {batch_size: " + std::string(60'000, '9') + "}}\n")},
      {"a number with an exponent",
       graph(kSource + "  b: {stage: normalize, in: t, with: {scale: 1e" + std::string(60'000, '9') + "}}\n")},
      {"deep in a value", "version: 1\nx-a: " + std::string(3000, '[') + "\n"},
      {"deep in keys",
       "version: 1\n" + repeated(70, [](int i) { return std::string(static_cast<std::size_t>(i), ' ') + "a:\n"; })},
      {"question marks", repeated(5000, [](int) { return "? "; })},
      {"dashes", repeated(5000, [](int) { return "- "; })},
      {"anchors", "version: 1\n" + repeated(20'000, [](int i) { return fmt::format("x-{}: &a{} 1\n", i, i); })},
      {"aliases",
       "version: 1\nx-a: &a [1, 2, 3]\n" + repeated(20'000, [](int i) { return fmt::format("x-{}: *a\n", i); })},
      {"merges",
       "version: 1\nx-a: &a {a: 1, b: 2}\nx-b: {<<: [" + repeated(20'000, [](int) { return "*a, "; }) + "]}\n"},
      {"references", "version: 1\nx-a: \"" + repeated(8000, [](int) { return "${seed}"; }) + "\"\n"},
      {"references that are open", "version: 1\nx-a: \"" + repeated(20'000, [](int) { return "${a"; }) + "\"\n"},
      {"a very long line", "# " + std::string(900'000, 'x') + "\nversion: 2\n"},
      {"very many lines", std::string(900'000, '\n') + "version: 2\n"},
      {"tabs", std::string(100'000, '\t') + "version: 1\n"},
      {"spaces", repeated(1000, [](int i) { return std::string(static_cast<std::size_t>(i), ' ') + "x:\n"; })},
      {"quotes", "version: 1\nx-a: \"" + std::string(60'000, '\\') + "\"\n"},
      {"a block that never ends", "version: 1\nx-a: |\n" + repeated(60'000, [](int) { return " a\n"; })},
      {"commas", std::string(100'000, ',')},
      {"colons", std::string(100'000, ':')},
      {"many documents", repeated(100'000, [](int) { return "---\n"; })},
      {"layers of a model", graph(kSource +
                                  "  b: {stage: batcher, in: {inputs: t, targets: t}, with: {batch_size: 1}}\n  l: "
                                  "{stage: trainer, in: b, with: {loss: mse, model: [" +
                                  repeated(20'000, [](int) { return "dense: {units: 1}, "; }) + "]}}\n")},
  };
  return files;
}

}  // namespace millrace::pipelines
