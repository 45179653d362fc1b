// Bad configs as data: each of tests/bad_configs gives exactly its errors, at exactly their places.
#include "check/validator.hpp"
#include "bad_config.hpp"
#include "catch.hpp"
#include "check/rules/rule_list.hpp"
#include "config/document/limits.hpp"
#include "device/device_kinds.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <set>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

// A device with memory of its own that is never opened.
[[maybe_unused]] const bool kSimIsKnown = [] {
  register_device_kind("sim", [](const DeviceId&) -> std::unique_ptr<Device> { throw std::logic_error("not opened"); });
  return true;
}();

const fs::path kFolder = MILLRACE_BAD_CONFIGS;

std::string name_of(const std::string& error) { return error.substr(0, error.find(' ')); }

// A config too large for the folder, written by the test.
struct GeneratedConfig {
  std::string file, expected;
  std::function<std::string()> text;
};

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string billion_laughs() {
  std::string text = "version: 1\nx-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    text += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below + repeated(", " + below, 9) + "]\n";
  }
  return text;
}

std::string many_nodes() {
  std::string text = "version: 1\ngraph:\n  p: {stage: table_source, with: {columns: {x: [0]}}}\n";
  for (std::size_t i = 0; i < kMaxGraphNodes; ++i) text += "  s" + std::to_string(i) + ": {stage: print, in: p}\n";
  return text;
}

std::vector<GeneratedConfig> generated_configs() {
  return {
      {"large_file.yaml", "too-large 0:0", [] { return repeated("# comment\n", kMaxFileBytes / 10 + 1); }},
      {"large_text.yaml", "too-large 2:6",
       [] { return "version: 1\nx-a: \"" + repeated("a", kMaxScalarBytes + 1) + "\"\n"; }},
      {"many_values.yaml", "too-large 1:200001",
       [] { return "x-a: [" + repeated("1,", kMaxDocumentNodes + 1) + "1]\n"; }},
      {"billion_laughs.yaml", "too-large 6:41", billion_laughs},
      {"many_nodes.yaml", "too-large 1003:3", many_nodes},
      {"deep_lists.yaml", "too-deep 1:69", [] { return "x-a: " + repeated("[", 1000) + repeated("]", 1000) + "\n"; }},
      {"very_deep_lists.yaml", "too-deep 1:69", [] { return "x-a: " + repeated("[", 1'000'000) + "\n"; }},
      {"very_deep_maps.yaml", "too-deep 1:258", [] { return "x-a: " + repeated("{a: ", 200'000) + "\n"; }},
      {"deep_blocks.yaml", "too-deep 1:129", [] { return repeated("- ", 100'000) + "a\n"; }},
      {"utf16.yaml", "yaml-encoding 1:1", [] { return std::string("\xFF\xFEv\0:\0", 6); }},
      {"latin1.yaml", "yaml-encoding 2:9", [] { return std::string("version: 1\nname: na\xEFve\n"); }},
      {"nul.yaml", "yaml-encoding 1:4", [] { return std::string("ver\0sion: 1\n", 12); }},
      {"overlong.yaml", "yaml-encoding 1:4", [] { return std::string("a: \xC0\x80\n"); }},
  };
}

// Removed when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "bad_configs_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::size_t peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) / 1024;
}

std::set<fs::path> files_below(const fs::path& folder) {
  std::set<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) files.insert(entry.path());
  return files;
}

void check_refused(const fs::path& path, const std::vector<std::string>& overrides,
                   const std::vector<std::string>& expected, const RankInfo& ranks = {}) {
  const std::size_t before = peak_megabytes();
  const std::clock_t start = std::clock();  // of this process: what else the machine does must not matter
  const std::vector<std::string> errors = errors_of(path, overrides, ranks);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  INFO(path.string());
  CHECK(errors == expected);
  // Sanitizers take several times the time and the memory.
  CHECK(seconds < (MILLRACE_IS_SANITIZED ? 20 : 1));
  CHECK(peak_megabytes() - before < (MILLRACE_IS_SANITIZED ? 2000U : 100U));
}

TEST_CASE("every bad config gives its errors at their places, quickly, and leaves nothing on disk") {
  const auto before = files_below(kFolder);
  for (const BadConfig& config : read_bad_configs(kFolder)) {
    INFO(config.path.string());
    CHECK_FALSE(config.expected.empty());
    check_refused(config.path, config.overrides, config.expected, config.ranks);
  }
  CHECK(files_below(kFolder) == before);
}

TEST_CASE("configs that are too large, too deep or no text are refused before they take time or memory") {
  const Folder folder;
  for (const GeneratedConfig& config : generated_configs()) {
    const fs::path path = folder.path() / config.file;
    std::ofstream(path, std::ios::binary) << config.text();
    check_refused(path, {}, {config.expected});
  }
}

TEST_CASE("a config that is missing, or a folder, is refused") {
  const Folder folder;
  CHECK(errors_of(folder.path() / "nowhere.yaml", {}) == std::vector<std::string>{"config-unreadable 0:0"});
  CHECK(errors_of(folder.path(), {}) == std::vector<std::string>{"config-unreadable 0:0"});
}

TEST_CASE("the folder of bad configs and the list of rules cover each other exactly") {
  // The second only a stage of a plugin can break: several_models_test.cpp.
  std::set<std::string> provoked{"config-unreadable", "reserved-metric"};
  for (const BadConfig& config : read_bad_configs(kFolder))
    for (const std::string& error : config.expected) provoked.insert(name_of(error));
  for (const GeneratedConfig& config : generated_configs()) provoked.insert(name_of(config.expected));
  std::set<std::string> listed;
  for (const Rule& rule : rules()) listed.emplace(rule.name);
  CHECK(provoked == listed);
  CHECK(rules().size() == provoked.size());
}

}  // namespace
}  // namespace millrace::pipelines
