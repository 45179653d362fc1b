// How errors look, how they are ordered, and what a defect of a stage is called.
#include "diagnostics/diagnostics.hpp"
#include "catch.hpp"
#include "check/validator.hpp"
#include "config/document/scalars.hpp"
#include "config/document/yaml_parser.hpp"
#include "config/spec/spec_builder.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "diagnostics/text_cells.hpp"

#include <millrace/registry.hpp>

#include <stdexcept>

namespace millrace::pipelines {
namespace {

std::shared_ptr<const SourceText> source(std::string name, std::string text, bool is_argument = false) {
  return std::make_shared<const SourceText>(SourceText{std::move(name), std::move(text), is_argument});
}

Diagnostic diagnostic(std::string name, Location where, ErrorKind kind = ErrorKind::config) {
  return {{.kind = kind, .name = std::move(name), .message = "message"}, std::move(where)};
}

TEST_CASE("an error shows the user's line with carets under the token, then notes and help") {
  const auto file = source("c.yaml", "a: 1\nb: {class: 10}\n");
  Diagnostic d = diagnostic("unknown-parameter", {file, 2, 5, 5});
  d.label = "not a parameter";
  d.notes = {"one"};
  d.help = "two";
  CHECK(render(d) ==
        "error[unknown-parameter]: message\n"
        "  --> c.yaml:2:5\n"
        "   |\n"
        " 2 | b: {class: 10}\n"
        "   |     ^^^^^ not a parameter\n"
        "   = note: one\n"
        "   = help: two\n");
}

TEST_CASE("an error of an argument points into the argument") {
  const Diagnostic d = diagnostic("wrong-type", {source("command line, --set #1", "epochs=x", true), 1, 8, 1});
  CHECK(render(d) == "error[wrong-type]: message\n  --> command line, --set #1\n   |\n   | epochs=x\n   |        ^\n");
}

TEST_CASE("carets stand under the token after tabs and after letters of several bytes") {
  const Diagnostic d = diagnostic("wrong-type", {source("c.yaml", "\tn\xC3\xA4me: x\n"), 1, 9, 1});
  CHECK(render(d).find("   | \t      ^\n") != std::string::npos);
}

TEST_CASE("columns count characters and carets count cells, for wide ones and for marks") {
  // "紅" is wide, "é" an e with a mark: 3 and 3 bytes, 1 and 2 characters, 2 and 1 cells
  const Diagnostic d =
      diagnostic("wrong-type", {source("c.yaml", "\xE7\xB4\x85: e\xCC\x81: \xE7\xB4\x85\xE7\xB4\x85\n"), 1, 11, 6});
  CHECK(column_of(d.where) == 8);
  CHECK(render(d).find("c.yaml:1:8\n") != std::string::npos);
  CHECK(render(d).find("   |        ^^^^\n") != std::string::npos);
}

TEST_CASE("columns of many places of one line are found in one reading, in any order") {
  std::string line;
  for (int i = 0; i < 1000; ++i) line += "\xE7\xB4\x85 ";
  const auto file = source("c.yaml", "a\n" + line + "\nb\n");
  CHECK(column_of({file, 2, 4001 - 4, 1}) == 1999);
  CHECK(column_of({file, 3, 1, 1}) == 1);
  CHECK(column_of({file, 2, 1, 1}) == 1);
}

TEST_CASE("a sentence of several lines cannot pass for an error, and a long one is cut") {
  Diagnostic d = diagnostic("na\nme\x1b[31m", {});
  d.message = "one\nerror[forged]: two";
  d.help = std::string(1'000'000, 'h');
  const std::string text = render(d);
  CHECK(text.find("\nerror[") == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.size() < 2 * kMostMessageBytes);
}

TEST_CASE("more errors than anybody reads are counted") {
  Diagnostics all;
  const auto file = source("c.yaml", "a: 1\n");
  for (int i = 0; i < 50'000; ++i) all.add(diagnostic("wrong-type", {file, i + 1, 1, 1}));
  CHECK(all.sorted().size() == 10'000);
  CHECK(render(all).find("50000 errors\n") != std::string::npos);
}

TEST_CASE("names that are close are found by their distance") {
  CHECK(close_names("evalaute", {"evaluate"}) == std::vector<std::string>{"evaluate"});
  CHECK(close_names("evaluate", {"evaluat", "valuate", "evluatee", "other"}) ==
        std::vector<std::string>{"evaluat", "valuate", "evluatee"});
  CHECK(close_names(std::string(64, 'a'), {std::string(63, 'a') + "b"}).size() == 1);
  CHECK(close_names(std::string(65, 'a'), {std::string(65, 'a')}).empty());
  CHECK(close_names("", {"a"}).empty());
}

TEST_CASE("a line of a megabyte is shown as a piece around the place") {
  const Diagnostic d =
      diagnostic("wrong-type", {source("c.yaml", std::string(1'000'000, 'a') + "X" + "bbb"), 1, 1'000'001, 1});
  const std::string text = render(d);
  CHECK(text.size() < 1000);
  CHECK(text.find("aX") != std::string::npos);
}

// Cells before the caret, and cells before the X in the excerpt above it.
std::pair<std::size_t, std::size_t> caret_and_place(const std::string& text) {
  const std::size_t caret = text.find('^'), carets = text.rfind('\n', caret) + 1;
  const std::size_t excerpt = text.rfind('\n', carets - 2) + 1, place = text.find('X', excerpt);
  REQUIRE(place < carets);
  return {cells_of(text.substr(carets, caret - carets)), cells_of(text.substr(excerpt, place - excerpt))};
}

TEST_CASE("on a terminal of any width the excerpt keeps to its row, and the caret stands under its place") {
  const std::vector<std::string> pieces{"a", "\xE7\xB4\x85", "e\xCC\x81", "\x01"};
  for (const std::string& piece : pieces)
    for (const int before : {0, 1, 5, 30, 100, 300})
      for (const int after : {0, 3, 200}) {
        std::string line;
        for (int i = 0; i < before; ++i) line += piece;
        const auto column = static_cast<int>(line.size()) + 1;
        line += "X";
        for (int i = 0; i < after; ++i) line += piece;
        for (std::size_t columns = 40; columns <= 200; columns += 7) {
          const std::string text =
              render(diagnostic("wrong-type", {source("c.yaml", line), 1, column, 1}), {false, columns});
          const std::size_t start = text.find(" 1 | "), end = text.find('\n', start);
          INFO(text << columns << " columns, " << before << " before");
          CHECK(cells_of(text.substr(start, end - start)) <= columns);
          const auto [caret, place] = caret_and_place(text);
          CHECK(caret == place);
        }
      }
}

TEST_CASE("what fits is not cut, and what is cut shows where") {
  const std::string line = std::string(50, 'a') + "X" + std::string(50, 'b');
  const Diagnostic d = diagnostic("wrong-type", {source("c.yaml", line), 1, 51, 1});
  CHECK(render(d, {false, 106}).find(" 1 | " + line + "\n") != std::string::npos);
  CHECK(render(d).find(" 1 | " + line + "\n") != std::string::npos);
  const std::string cut = render(d, {false, 60});
  CHECK(cut.find(" 1 | ...a") != std::string::npos);
  CHECK(cut.find("b...\n") != std::string::npos);
}

TEST_CASE("errors are sorted by place, files before arguments, and told once") {
  const auto file = source("c.yaml", "a: 1\nb: 2\n");
  Diagnostics all;
  all.add(diagnostic("d", {source("set", "x", true), 1, 1, 1}));
  all.add(diagnostic("c", {file, 2, 1, 1}));
  all.add(diagnostic("b", {file, 1, 4, 1}));
  all.add(diagnostic("a", {file, 1, 1, 1}));
  all.add(diagnostic("c", {file, 2, 1, 1}));
  std::string order;
  for (const Diagnostic& d : all.sorted()) order += d.name;
  CHECK(order == "abcd");
  CHECK(render(all).find("\n4 errors\n") != std::string::npos);
}

Diagnostic warning(std::string name, Location where) {
  Diagnostic d = diagnostic(std::move(name), std::move(where));
  d.severity = Severity::warning;
  return d;
}

TEST_CASE("a warning looks as an error does, stands among them by its place, and has no exit code") {
  const auto file = source("c.yaml", "a: 1\nb: 2\n");
  Diagnostics all;
  all.add(warning("late", {file, 2, 1, 1}));
  CHECK_FALSE(all.empty());
  CHECK_FALSE(all.has_errors());
  CHECK(all.exit_code() == 0);
  CHECK(render(all) == "warning[late]: message\n  --> c.yaml:2:1\n   |\n 2 | b: 2\n   | ^\n\n");
  all.add(diagnostic("early", {file, 1, 1, 1}));
  all.add(warning("last", {file, 2, 4, 1}));
  CHECK(all.exit_code() == 3);
  CHECK(all.warnings().size() == 2);
  CHECK(all.sorted().front().name == "early");
  CHECK(render(all).find("\n1 error, 2 warnings\n") != std::string::npos);
  CHECK(render_json(all).find("late") == std::string::npos);
  CHECK(render_json(all, Severity::warning).find("early") == std::string::npos);
}

TEST_CASE("where warnings are errors they say that they need not be") {
  Diagnostics all;
  all.add(warning("late", {}));
  all.make_strict();
  CHECK(all.exit_code() == 3);
  CHECK(all.warnings().empty());
  CHECK(render(all) == "error[late]: message\n   = note: a warning without `--strict`\n\n1 error\n");
}

TEST_CASE("of several kinds of errors the first of usage, config, plugin, data and device decides the exit code") {
  Diagnostics all;
  CHECK(all.exit_code() == 0);
  const std::vector<std::pair<ErrorKind, int>> steps{{ErrorKind::device, 5},
                                                     {ErrorKind::data, 4},
                                                     {ErrorKind::plugin, 6},
                                                     {ErrorKind::config, 3},
                                                     {ErrorKind::usage, 2}};
  for (const auto& [kind, code] : steps) {
    all.add(diagnostic("x", {}, kind));
    CHECK(all.exit_code() == code);
  }
}

TEST_CASE("errors as JSON have name, place, message, help and notes, whatever the bytes") {
  Diagnostics all;
  Diagnostic d = diagnostic("n", {source("c.yaml", "x"), 3, 7, 1});
  d.message = "bad \xFF byte";
  d.help = "h";
  d.notes.emplace_back("note");
  all.add(d);
  const std::string text = render_json(all);
  CHECK(text.find("\"name\": \"n\"") != std::string::npos);
  CHECK(text.find("\"line\": 3") != std::string::npos);
  CHECK(text.find("\"column\": 7") != std::string::npos);
  CHECK(text.find("\xFF") == std::string::npos);
  std::size_t at = 0;
  for (const char* member : {"name", "file", "line", "column", "message", "help", "notes"}) {
    CAPTURE(member);
    const std::size_t found = text.find(std::string("\"") + member + "\":");
    REQUIRE(found != std::string::npos);
    CHECK(found > at);
    at = found;
  }
  CHECK(render_json(Diagnostics()) == "[]");
}

TEST_CASE("numbers are read strictly") {
  CHECK(read_number("1/255").value == 1.0 / 255.0);
  CHECK(read_number("-1e-3").value == -1e-3);
  CHECK(read_number(".5").value == 0.5);
  CHECK(read_number("0").integer == 0);
  CHECK(read_number("9223372036854775807").integer == INT64_MAX);
  CHECK_FALSE(read_number("1.0").integer);
  CHECK(read_number("017").fault == NumberFault::leading_zero);
  CHECK(read_number("9223372036854775808").fault == NumberFault::too_large);
  CHECK(read_number("1e400").fault == NumberFault::not_finite);
  CHECK(read_number("1e-400").value == 0);
  CHECK(read_number("1/0").fault == NumberFault::zero_denominator);
  for (const char* text : {"", "-", ".", "1e", "0x10", "1_000", "1/2/3", "1 2", "e5", "--1"})
    CHECK(read_number(text).fault == NumberFault::not_a_number);
}

TEST_CASE("suggestions know close spellings, other cases and what others call it") {
  CHECK(did_you_mean("clases", {"classes", "dtype"}) == "did you mean `classes`?");
  CHECK(did_you_mean("to_categorical", {"one_hot", "flatten"}) == "did you mean `one_hot`?");
  CHECK(did_you_mean("Dense", {"dense", "dropout"}) == "did you mean `dense`?");
  CHECK(did_you_mean("CategoricalCrossentropy", {"categorical_crossentropy", "mse"}) ==
        "did you mean `categorical_crossentropy`?");
  CHECK(did_you_mean("batch", {"batch_size"}) == "did you mean `batch_size`?");
  CHECK(did_you_mean("lr", {"learning_rate", "rho"}) == "did you mean `learning_rate`?");
  CHECK(did_you_mean("xyzzy", {"classes", "dtype"}).empty());
  CHECK(did_you_mean("clases", {"classes"}, "it takes") == "did you mean `classes`?  (it takes: classes)");
  CHECK(did_you_mean("xyzzy", {"classes", "dtype"}, "it takes") == "it takes: classes, dtype");
}

TEST_CASE("who knows what is meant suggests it in the same words") {
  CHECK(suggestion({}).empty());
  CHECK(suggestion({"--threads"}) == "did you mean `--threads`?");
  CHECK(suggestion({"a.yaml", "b.yaml"}) == "did you mean `a.yaml` or `b.yaml`?");
}

// Says nothing about its output.
class Silent final : public Source {
 public:
  static void describe(StageDescriptor& spec) { spec.output("out", TensorType::any()); }
  explicit Silent(const ParamValue&) {}
  void infer(InferContext&) override {}
  void produce(SourceContext&) override {}
};

class Throwing final : public Serial {
 public:
  static void describe(StageDescriptor& spec) { spec.input("in", TensorType::any()); }
  explicit Throwing(const ParamValue&) { throw std::runtime_error("broken"); }
  void infer(InferContext&) override {}
  void process(SerialContext&) override {}
};

class Quiet final : public Source {
 public:
  static void describe(StageDescriptor& spec) { spec.output("out", TensorType::any()); }
  explicit Quiet(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", PortSpec::single({}, 1, 1)); }
  void produce(SourceContext&) override {}
};

std::vector<std::string> defects_of(const std::string& source_stage) {
  StageRegistry registry;
  registry.add(make_stage_info<Silent>("silent"));
  registry.add(make_stage_info<Quiet>("quiet"));
  registry.add(make_stage_info<Throwing>("throwing"));
  Diagnostics diagnostics;
  auto document = read_value("{version: 1, graph: {s: {stage: " + source_stage + "}, t: {stage: throwing, in: s}}}",
                             "test", diagnostics);
  REQUIRE(document);
  validate(build_spec(std::move(*document), {}, registry, diagnostics), registry, diagnostics);
  CHECK(diagnostics.exit_code() == static_cast<int>(ErrorKind::plugin));
  std::vector<std::string> names;
  for (const Diagnostic& d : diagnostics.sorted()) names.push_back(d.name);
  return names;
}

TEST_CASE("a stage that leaves an output open, or throws, is reported as a defect of its plugin, once") {
  CHECK(defects_of("silent") == std::vector<std::string>{"infer-incomplete"});
  CHECK(defects_of("quiet") == std::vector<std::string>{"construct-failed"});
}

}  // namespace
}  // namespace millrace::pipelines
