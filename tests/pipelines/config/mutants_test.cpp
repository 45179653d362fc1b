// Whatever a config holds, its check answers quickly, with little memory, and says where.
//
// MILLRACE_ALL_MUTANTS=1 tries every mutant, as `tools/test --full` does; without it a sample.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "check/shape_notes.hpp"
#include "config_mutants.hpp"
#include "temp_folder.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

namespace millrace::pipelines {
namespace {

const std::string kFolder = MILLRACE_CONFIGS;
// Sanitizers take several times the time and the memory.
constexpr double kMostSeconds = MILLRACE_IS_SANITIZED ? 20 : 1;
constexpr std::int64_t kMostMegabytes = MILLRACE_IS_SANITIZED ? 2000 : 100;

bool takes_all() { return std::getenv("MILLRACE_ALL_MUTANTS") != nullptr; }

std::int64_t peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::string text_of(const std::string& config) {
  std::ifstream file(kFolder + "/" + config, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Of a file as a whole no line can be named.
bool has_place(const Diagnostic& d) {
  if (!d.where.source) return false;
  return (d.where.line > 0 && column_of(d.where) > 0) || d.name == "too-large" || d.name == "config-unreadable";
}

bool obeys_nobody(const std::string& shown) {
  for (const char c : shown)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) return false;
  return shown.find("\xE2\x80\xAE") == std::string::npos;
}

// Why the answer to a mutant is not good enough; empty when it is.
std::string fault_of(const std::string& path, const Mutant& mutant) {
  std::ofstream(path, std::ios::binary) << mutant.text;
  Diagnostics diagnostics;
  const double start = processor_seconds();
  load_graph(path, {}, built_in_stages(), diagnostics);
  const std::string shown = render(diagnostics) + render_json(diagnostics);
  const double seconds = processor_seconds() - start;
  if (seconds > kMostSeconds) return fmt::format("{} s", seconds);
  if (!obeys_nobody(shown)) return "control characters";
  for (const Diagnostic& d : diagnostics.sorted()) {
    if (!has_place(d)) return d.name + " has no place: " + d.message;
    if (d.name == "internal-error") return d.message;
  }
  return {};
}

void check_all(const std::vector<Mutant>& mutants, std::size_t every) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/mutant.yaml";
  for (std::size_t i = 0; i < mutants.size(); i += every) {
    const std::int64_t before = peak_megabytes();
    const std::string fault = fault_of(path, mutants[i]);
    const std::int64_t grown = peak_megabytes() - before;
    INFO(mutants[i].what << "\n" << mutants[i].text.substr(0, 3000));
    CHECK(fault == "");
    CHECK(grown < kMostMegabytes);
  }
}

TEST_CASE("a config with any value or key changed, removed, doubled or swapped is answered") {
  std::size_t count = 0;
  for (const char* config : {"mnist_mlp.yaml", "linear_fit.yaml", "colors_onehot.yaml", "mnist_mlp_augmented.yaml"}) {
    std::vector<Mutant> mutants = mutants_of(text_of(config));
    if (std::string(config) == "mnist_mlp_augmented.yaml")  // what it extends lies elsewhere for the mutants
      for (Mutant& mutant : mutants)
        if (const std::size_t at = mutant.text.find("mnist_mlp.yaml"); at != std::string::npos)
          mutant.text.insert(at, kFolder + "/");
    count += mutants.size();
    check_all(mutants, takes_all() ? 1 : 41);
  }
  CHECK(count > 9000);
}

TEST_CASE("a file that is cut off, garbled or made of other files is answered") {
  for (const char* config : {"mnist_mlp.yaml", "linear_fit.yaml", "colors_onehot.yaml", "mnist_mlp_augmented.yaml"})
    check_all(spoiled_files(text_of(config), 1, 250), takes_all() ? 1 : 13);
}

// Processor time for a config of which `count` nodes have an input and a stage that are misspelled.
double seconds_for(int count) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/misspelled.yaml";
  std::ofstream(path) << misspelled_nodes(count);
  Diagnostics diagnostics;
  const double start = processor_seconds();
  load_graph(path, {}, built_in_stages(), diagnostics);
  CHECK(diagnostics.sorted().size() == 2 * static_cast<std::size_t>(count));
  return processor_seconds() - start;
}

TEST_CASE("time grows with the number of errors, not with its square") {
  seconds_for(120);  // what is done only once
  const double few = seconds_for(240), many = seconds_for(960);
  CHECK(many < 10 * few + 0.05);  // 16 times as long if each name were compared with each other
}

Diagnostics diagnostics_of(const std::string& text) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/config.yaml";
  std::ofstream(path) << text;
  Diagnostics diagnostics;
  load_graph(path, {}, built_in_stages(), diagnostics);
  return diagnostics;
}

TEST_CASE("names are compared for as many errors as are shown") {
  struct Case {
    std::string name, text;
  };
  const std::string source = "  t: {stage: table_source, with: {columns: {x: [1], y: [2]}}}\n";
  const auto inputs = [](const std::string& from) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += fmt::format("k{}: {}, ", i, from);
    return text;
  };
  std::string chains;
  for (int i = 0; i < 300; ++i) chains += fmt::format("  n{0}: {{chain: d{0}, in: t.x}}\n", i);
  const std::vector<Case> cases{
      {"unknown-output", misspelled_outputs(300)},
      {"ambiguous-output", "version: 1\ngraph:\n" + source + "  b: {stage: batcher, in: {" + inputs("t") + "}}\n"},
      {"unknown-input", "version: 1\ngraph:\n" + source + "  l: {stage: trainer, in: {" + inputs("t.x") + "}}\n"},
      {"port-kind", "version: 1\ngraph:\n" + source + "  m: {stage: metrics_sink, in: {" + inputs("t.x") + "}}\n"},
      {"unknown-chain", "version: 1\nchains: {c: [flatten]}\ngraph:\n" + source + chains},
      {"unknown-parameter", "version: 1\nchains: {c: [flatten]}\ngraph:\n" + source +
                                "  n: {chain: c, in: t.x, with: {" + inputs("1") + "}}\n"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    std::size_t found = 0, helped = 0;
    for (const Diagnostic& d : diagnostics_of(each.text).sorted()) {
      if (d.name != each.name) continue;
      ++found;
      helped += d.help.empty() ? 0 : 1;
    }
    CHECK(found == 300);
    CHECK(helped == kMostShownErrors);
  }
}

TEST_CASE("of a batch with many fields a few are noted, and the number of the others") {
  std::size_t found = 0;
  for (const Diagnostic& d : diagnostics_of(unknown_fields(300)).sorted()) {
    if (d.name != "missing-field") continue;
    ++found;
    REQUIRE(d.notes.size() == kMostNotedFields + 1);
    CHECK(d.notes.front().starts_with("`i0` of `l.in` is "));
    CHECK(d.notes.back() == fmt::format("and {} more", 300 - kMostNotedFields));
  }
  CHECK(found == 1);
}

// One model that `count` evaluators measure.
std::string measured_by(int count) {
  std::string text = "version: 1\ngraph:\n";
  for (const char* rows : {"d", "v"})
    text += fmt::format(
        "  {0}: {{stage: table_source, with: {{columns: {{x: [1], y: [2]}}}}}}\n"
        "  {0}b: {{stage: batcher, in: {{inputs: {0}.x, targets: {0}.y}}, with: {{batch_size: 1}}}}\n",
        rows);
  text += "  l: {stage: trainer, in: db, with: {model: [dense: {units: 1}], loss: mse}}\n";
  for (int i = 0; i < count; ++i)
    text += fmt::format("  e{}: {{stage: evaluator, in: {{data: vb, model: l.model}}}}\n", i);
  return text;
}

// `count` models, each with rows of its own, that are measured with rows of the next.
std::string measured_in_turn(int count) {
  std::string text = "version: 1\ngraph:\n";
  for (int i = 0; i < count; ++i) {
    text += fmt::format(
        "  d{0}: {{stage: table_source, with: {{columns: {{x: [1], y: [2]}}}}}}\n"
        "  b{0}: {{stage: batcher, in: {{inputs: d{0}.x, targets: d{0}.y}}, with: {{batch_size: 1}}}}\n"
        "  l{0}: {{stage: trainer, in: b{0}, with: {{model: [dense: {{units: 1}}], loss: mse}}}}\n",
        i);
    if (i > 0) text += fmt::format("  e{0}: {{stage: evaluator, in: {{data: b{0}, model: l{1}.model}}}}\n", i, i - 1);
  }
  return text;
}

// Processor time for the check of a config, which has no errors.
double seconds_of_check(const std::string& text) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/measured.yaml";
  std::ofstream(path) << text;
  Diagnostics diagnostics;
  const double start = processor_seconds();
  load_graph(path, {}, built_in_stages(), diagnostics);
  INFO(render(diagnostics).substr(0, 3000));
  CHECK_FALSE(diagnostics.has_errors());
  return processor_seconds() - start;
}

TEST_CASE("time grows with the number of what is measured, not with its square") {
  seconds_of_check(measured_by(60));
  CHECK(seconds_of_check(measured_by(960)) < 10 * seconds_of_check(measured_by(240)) + 0.05);
  CHECK(seconds_of_check(measured_in_turn(240)) < 10 * seconds_of_check(measured_in_turn(60)) + 0.05);
}

TEST_CASE("a text that is deep, long, or more when it is expanded is answered") { check_all(extreme_files(), 1); }

}  // namespace
}  // namespace millrace::pipelines
