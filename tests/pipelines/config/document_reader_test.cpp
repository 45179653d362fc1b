// What a config may extend, and what is told about files that are none.
#include "config/spec/document_reader.hpp"
#include "catch.hpp"
#include "config/document/limits.hpp"
#include "temp_folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>

namespace millrace::pipelines {
namespace {

using Catch::Matchers::ContainsSubstring;
using testing::TempFolder;

struct Reading {
  std::optional<DocNode> document;
  Diagnostics diagnostics;
  /// "NAME FILE:LINE:COLUMN" of the first error.
  std::string error() const {
    if (diagnostics.empty()) return {};
    const Diagnostic d = diagnostics.sorted().front();
    const std::string file = std::filesystem::path(d.where.source->name).filename().string();
    return fmt::format("{} {}:{}:{}", d.name, file, d.where.line, d.where.column);
  }
};

Reading read(const std::string& path) {
  Reading reading;
  reading.document = read_document(path, reading.diagnostics);
  return reading;
}

Reading read_extending(const TempFolder& folder, const std::string& base) {
  return read(folder.file("config.yaml", "version: 1\nextends: " + base + "\n"));
}

std::string layer(int number, int keys, const std::string& extends) {
  std::string text = extends.empty() ? "" : "extends: " + extends + "\n";
  text += "graph:\n";
  for (int key = 0; key < keys; ++key) text += fmt::format("  n{}_{}: {{}}\n", number, key);
  return text;
}

// Processor time of reading `layers` files, each with `keys` nodes of its own.
double seconds_for(int layers, int keys) {
  const TempFolder folder;
  for (int i = 0; i < layers; ++i)
    folder.file(fmt::format("{}.yaml", i), layer(i, keys, i == 0 ? "" : fmt::format("{}.yaml", i - 1)));
  const std::clock_t start = std::clock();
  const Reading reading = read(fmt::format("{}/{}.yaml", folder.path(), layers - 1));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  REQUIRE(reading.document);
  CHECK(reading.document->find("graph")->value.members.size() == static_cast<std::size_t>(layers * keys));
  return seconds;
}

TEST_CASE("what is no regular file is refused and never waited for, as a config and as a base") {
  const TempFolder folder;
  const std::string fifo = folder.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string& path : {fifo, folder.path(), std::string("/dev/null"), std::string("/dev/kmsg"),
                                  std::string("/proc/self/environ"), std::string("/proc/self/mem")}) {
    INFO(path);
    CHECK(read(path).diagnostics.sorted().front().name == "config-unreadable");
    CHECK(read_extending(folder, path).error() == "extends-missing config.yaml:2:10");
  }
}

TEST_CASE("what `extends` takes is said, and nothing that would stand in the file it does not name") {
  const auto [written, kind, help] =
      GENERATE(table<std::string, std::string, std::string>({{"[a.yaml, b.yaml]", "this is a list", "one file here"},
                                                             {"[a.yaml]", "this is a list", "write `extends: a.yaml`"},
                                                             {"{a: b}", "this is a map", "extends: base.yaml"},
                                                             {"~", "this is nothing", "leave the line out"}}));
  const TempFolder folder;
  const Reading reading = read(folder.file("config.yaml", "extends: " + written + "\nname: x\n"));
  CHECK(reading.error() == "wrong-type config.yaml:1:10");
  CHECK_FALSE(reading.document);
  const std::vector<Diagnostic> told = reading.diagnostics.sorted();
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0].message, ContainsSubstring("takes the name of one file") && ContainsSubstring(kind));
  CHECK_THAT(told[0].help, ContainsSubstring(help));
}

TEST_CASE("several files in one text are answered with a file at a time") {
  const TempFolder folder;
  const std::string written = GENERATE("a.yaml b.yaml", "a.yml, b.yaml");
  CHECK_THAT(read_extending(folder, written).diagnostics.sorted().front().help, ContainsSubstring("one file here"));
}

TEST_CASE("no word of a base that is no config is told") {
  const TempFolder folder;
  const std::string foreign = folder.file("foreign", "password: hunter2\nuser: hunter2\n");
  const std::string scalar = folder.file("shadow", "root:hunter2:19000:0:99999\nhunter2:*:19000\n");
  const std::string broken = folder.file("broken", "a: {b: hunter2\nhunter2: &hunter2 !hunter2 x\n");
  const std::string twice = folder.file("twice", "hunter2: 1\nhunter2: 2\n");
  for (const std::string& path : {foreign, scalar, broken, twice}) {
    const Reading reading = read_extending(folder, path);
    CHECK_FALSE(reading.document);
    CHECK(render(reading.diagnostics).find("hunter2") == std::string::npos);
    CHECK(render_json(reading.diagnostics).find("hunter2") == std::string::npos);
  }
  const std::string config = folder.file("base.yaml", "version: 1\nepohs: 3\ngraph: {}\n");
  CHECK(read_extending(folder, config).error().empty());
}

TEST_CASE("a base that is too large is reported where it is extended") {
  const TempFolder folder;
  const std::string base = folder.file("base.yaml", std::string(kMaxFileBytes + 1, '#'));
  CHECK(read_extending(folder, base).error() == "too-large config.yaml:2:10");
}

TEST_CASE("all layers together keep within one limit of bytes, and one of values") {
  const TempFolder folder;
  for (int i = 0; i < 6; ++i)
    folder.file(fmt::format("bytes{}.yaml", i),
                fmt::format("extends: bytes{}.yaml\n", i + 1) + std::string(kMaxFileBytes - 100, '#'));
  CHECK(read(folder.path() + "/bytes0.yaml").error() == "too-large bytes3.yaml:1:10");
  std::string many = "[";
  for (std::size_t i = 0; i < kMaxDocumentNodes / 2; ++i) many += "1,";
  for (int i = 0; i < 3; ++i)
    folder.file(fmt::format("values{}.yaml", i), fmt::format("extends: values{}.yaml\nx-a: {}1]\n", i + 1, many));
  CHECK(read(folder.path() + "/values0.yaml").error().starts_with("too-large values1.yaml:2:"));
}

TEST_CASE("time grows with the number of layers and of nodes, not with their product") {
  seconds_for(10, 200);  // what is done only once
  const double one = seconds_for(10, 500), four = seconds_for(40, 500);
  CHECK(four < 12 * one + 0.05);  // 16 times as long if each layer looked through those below it
}

TEST_CASE("defaults inside defaults, and variables that are long, are bounded") {
  const TempFolder folder;
  std::string nested = "x";
  for (int i = 0; i < 1000; ++i) nested = "${env:MILLRACE_NOT_SET_ANYWHERE:-" + nested + "}";
  CHECK(read(folder.file("nested.yaml", "x-a: \"" + nested + "\"\n")).error() == "bad-reference nested.yaml:1:6");
  const std::string path(40'000, 'p');
  REQUIRE(setenv("MILLRACE_TEST_LONG", path.c_str(), 1) == 0);
  std::string often;
  for (int i = 0; i < 1000; ++i) often += fmt::format("x-{}: ${{env:MILLRACE_TEST_LONG}}\n", i);
  CHECK(read(folder.file("often.yaml", often)).error().starts_with("too-large often.yaml:105:"));
  unsetenv("MILLRACE_TEST_LONG");
}

TEST_CASE("null in an extending file takes a node, a chain or an input away") {
  const TempFolder folder;
  folder.file("base.yaml",
              "chains: {c: [print], d: [print]}\ngraph:\n  a: {stage: s, in: {x: p, y: q}}\n  b: {stage: s}\n");
  const Reading reading =
      read(folder.file("config.yaml", "extends: base.yaml\nchains: {d: ~}\ngraph:\n  a: {in: {y: null}}\n  b: ~\n"));
  REQUIRE(reading.document);
  CHECK(reading.document->find("chains")->value.members.size() == 1);
  const DocNode& graph = reading.document->find("graph")->value;
  REQUIRE(graph.members.size() == 1);
  CHECK(graph.members.front().value.find("in")->value.members.size() == 1);
}

}  // namespace
}  // namespace millrace::pipelines
