// Rows that measure the model that they train: who is told of, and how much is looked at for it.
#include "check/rules/measurement_check.hpp"
#include "catch.hpp"
#include "check/rules/file_copies.hpp"
#include "temp_folder.hpp"

#include <filesystem>

namespace millrace::pipelines {
namespace {

/// Nodes by hand: what matters here are kinds, edges and rows.
class Sketch {
 public:
  std::size_t source(const std::string& name, std::int64_t first, std::int64_t end) {
    const std::size_t index = add(name, source_, {}, PortKind::data);
    graph_.nodes[index].rows_read.push_back({"the file", first, end});
    return index;
  }
  /// All ten rows of `files`, images first.
  std::size_t source(const std::string& name, std::vector<FileRead> files) {
    const std::size_t index = add(name, source_, {}, PortKind::data);
    graph_.nodes[index].rows_read.push_back({files.front().path, 0, 10});
    graph_.nodes[index].files = std::move(files);
    return index;
  }
  std::size_t transform(const std::string& name, const std::vector<std::size_t>& from) {
    return add(name, transform_, from, PortKind::data);
  }
  std::size_t trainer(const std::string& name, std::size_t from) { return add(name, serial_, {from}, PortKind::model); }
  std::size_t evaluator(const std::string& name, const std::vector<std::size_t>& from) {
    return add(name, serial_, from, PortKind::metrics);
  }
  std::vector<std::string> warnings() const {
    Diagnostics found;
    warn_of_measurements(graph_, found);
    std::vector<std::string> messages;
    for (const Diagnostic& warning : found.warnings()) messages.push_back(warning.message);
    return messages;
  }

 private:
  std::size_t add(const std::string& name, const StageInfo& info, const std::vector<std::size_t>& from, PortKind kind) {
    ValidatedNode& node = graph_.nodes.emplace_back();
    node.name = name;
    node.where.line = static_cast<int>(graph_.nodes.size());
    node.info = &info;
    for (const std::size_t index : from) node.inputs.push_back({"in", index, "out"});
    node.outputs.emplace_back("out", PortSpec::of_kind(kind));
    return graph_.nodes.size() - 1;
  }
  static StageInfo info_of(StageKind kind) {
    StageInfo info;
    info.kind = kind;
    return info;
  }

  const StageInfo source_ = info_of(StageKind::source), transform_ = info_of(StageKind::transform),
                  serial_ = info_of(StageKind::serial);
  ValidatedGraph graph_;
};

TEST_CASE("of two models that are measured each is told with its own rows only") {
  Sketch sketch;
  const std::size_t one = sketch.source("one", 0, 10), two = sketch.source("two", 10, 20),
                    tests = sketch.source("tests", 5, 10);
  const std::size_t first = sketch.trainer("first", one), second = sketch.trainer("second", two);
  sketch.evaluator("compare", {tests, first, second});
  const std::vector<std::string> told = sketch.warnings();
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("`first`") != std::string::npos);
}

TEST_CASE("rows that train two models are told of for each, also at one place of the config") {
  Sketch sketch;
  const std::size_t all = sketch.source("all", 0, 20);
  const std::size_t first = sketch.trainer("first", all), second = sketch.trainer("second", all);
  sketch.evaluator("one", {all, first});
  sketch.evaluator("two", {all, second});
  CHECK(sketch.warnings().size() == 2);
}

std::vector<std::string> warnings_of(const std::vector<FileRead>& trained, const std::vector<FileRead>& measured) {
  Sketch sketch;
  const std::size_t rows = sketch.source("rows", trained), others = sketch.source("others", measured);
  sketch.evaluator("evaluate", {others, sketch.trainer("learn", rows)});
  return sketch.warnings();
}

TEST_CASE("a copy of the files that train a model is told with both names") {
  const testing::TempFolder folder;
  const std::string text(3 << 20, 'x');
  const FileRead images{folder.file("images", text), {}}, labels{folder.file("labels", "0123"), {}},
      copy{folder.file("copy", text), {}}, other{folder.file("other", text.substr(1) + "y"), {}},
      shorter{folder.file("shorter", text.substr(1)), {}}, absent{folder.path() + "/absent", {}};
  const std::vector<std::string> told = warnings_of({images, labels}, {copy, labels});
  REQUIRE(told.size() == 1);
  CHECK(told[0].find(copy.path + ", a copy of " + images.path + ", measure") != std::string::npos);
  for (const FileRead& file : {other, shorter, absent}) CHECK(warnings_of({images}, {file}).empty());
  CHECK(warnings_of({images, labels}, {copy}).empty());
}

TEST_CASE("files that are too large to be compared are no copies, and the others are read once") {
  const testing::TempFolder folder;
  const FileRead one{folder.file("one", ""), {}}, two{folder.file("two", ""), {}};
  for (const FileRead& file : {one, two}) std::filesystem::resize_file(file.path, (64U << 20U) + 1);
  CHECK(warnings_of({one}, {two}).empty());
  for (const FileRead& file : {one, two}) std::filesystem::resize_file(file.path, 64);
  FileCopies copies;
  CHECK(copies.are_copies({one}, {two}));
  std::filesystem::remove(one.path);
  CHECK(copies.are_copies({two}, {one}));
  CHECK_FALSE(FileCopies().are_copies({two}, {one}));
}

TEST_CASE("files of which the digest is known are compared by it and not opened") {
  CHECK(warnings_of({{"one", "ab"}}, {{"two", "ab"}}).size() == 1);
  CHECK(warnings_of({{"one", "ab"}}, {{"two", "cd"}}).empty());
  CHECK(warnings_of({{"one", "ab"}}, {{"two", ""}}).empty());
}

TEST_CASE("each node is looked at once, however many ways lead through it") {
  Sketch sketch;
  std::size_t rows = sketch.source("rows", 0, 10);
  const std::size_t learn = sketch.trainer("learn", rows);
  for (int i = 0; i < 60; ++i) rows = sketch.transform("t", {rows, rows});  // 2^60 ways
  sketch.evaluator("evaluate", {rows, learn});
  CHECK(sketch.warnings().size() == 1);
}

}  // namespace
}  // namespace millrace::pipelines
