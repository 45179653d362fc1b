// A file is loaded once whatever its path; a stage that is there already, and files that are cut off or no plugin, are refused by name.
#include "plugins/plugin_loader.hpp"
#include "plugins/descriptor_check.hpp"
#include "plugins/elf_reader.hpp"
#include "spoiled_plugin.hpp"

#include <millrace/detail/build_info.hpp>

#include <sys/stat.h>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

namespace fs = std::filesystem;

std::string name_of_refusal(const std::string& file) {
  StageRegistry registry;
  const auto refusal = refusal_of(file, registry);
  return refusal ? refusal->name() : "";
}

}  // namespace

TEST_CASE("the built-in stages are a plugin with a note and an origin") {
  const millrace_plugin_note note = read_plugin_note(builtin_plugin_path());
  CHECK(note.api_version == MILLRACE_PLUGIN_API_VERSION);
  CHECK(std::string(note.compiler) == MILLRACE_DETAIL_COMPILER);
  CHECK(std::string(note.version) == build_info().version);
  StageRegistry registry;
  const std::vector<std::string> names = load_builtin_plugin(registry);
  CHECK(names == registry.names());
  REQUIRE(registry.find("flatten") != nullptr);
  CHECK(registry.find("flatten")->plugin == "millrace");
  CHECK(registry.find("flatten")->file == builtin_plugin_path());
}

TEST_CASE("the descriptors of the built-in stages are complete") {
  StageRegistry registry;
  for (const std::string& name : load_builtin_plugin(registry)) CHECK_NOTHROW(check_descriptor(*registry.find(name)));
}

TEST_CASE("a good plugin is registered with its origin and stays mapped for ever") {
  const SpoiledPlugin plugin;
  const std::string file = plugin.file();
  {
    StageRegistry registry;
    CHECK(load_plugin(file, registry, kTrial) == std::vector<std::string>{"moody"});
    REQUIRE(registry.find("moody") != nullptr);
    CHECK(registry.find("moody")->plugin == "moody");
    CHECK(registry.find("moody")->plugin_version == "1.0");
    CHECK(registry.find("moody")->file == fs::canonical(file).string());
  }
  CHECK(is_mapped(file));
}

TEST_CASE("a plugin that says neither name nor version is still one") {
  const SpoiledPlugin plugin("entry without texts");
  StageRegistry registry;
  CHECK_FALSE(refusal_of(plugin.file(), registry));
  CHECK(registry.find("moody")->plugin.empty());
}

TEST_CASE("one file is loaded once, by whatever name") {
  const SpoiledPlugin plugin;
  const std::string file = plugin.file();
  const std::string link = plugin.folder() + "/link.so", hard_link = plugin.folder() + "/hard.so";
  fs::create_symlink(file, link);
  fs::create_hard_link(file, hard_link);
  StageRegistry registry;
  for (const std::string& path : {file, file, link, hard_link, plugin.folder() + "/./spoiled.so"})
    CHECK(load_plugin(path, registry, kTrial) == std::vector<std::string>{"moody"});
  CHECK(registry.names().size() == 1);
}

TEST_CASE("of two plugins with one stage the second is refused whole, and both files are named") {
  const SpoiledPlugin first, second, builtin("built-in name");
  StageRegistry registry;
  load_builtin_plugin(registry);
  REQUIRE_FALSE(refusal_of(first.file(), registry));
  const std::size_t count = registry.names().size();
  for (const SpoiledPlugin* plugin : {&second, &builtin}) {
    const auto refusal = refusal_of(plugin->file(), registry);
    REQUIRE(refusal);
    CHECK(refusal->name() == "duplicate-stage");
    CHECK(refusal->message().find(plugin->folder()) != std::string::npos);
  }
  CHECK(registry.names().size() == count);
}

TEST_CASE("what is no shared object is refused by name") {
  CHECK(name_of_refusal("/nowhere/plugin.so") == "plugin-missing");
  CHECK(name_of_refusal("/tmp") == "plugin-not-a-file");
  CHECK(name_of_refusal("/dev/null") == "plugin-not-a-file");
  const testing::TempFolder folder;
  const std::string pipe = folder.path() + "/pipe.so", broken_link = folder.path() + "/link.so";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(name_of_refusal(pipe) == "plugin-not-a-file");
  fs::create_symlink("nowhere.so", broken_link);
  CHECK(name_of_refusal(broken_link) == "plugin-missing");
  CHECK(name_of_refusal(MILLRACE_TEST_FRAMEWORK_FILE) == "plugin-no-note");
}

TEST_CASE("a plugin that is cut off anywhere is refused and never mapped") {
  const SpoiledPlugin whole;
  for (std::size_t length = 64; length < whole.bytes.size(); length += whole.bytes.size() / 37) {
    SpoiledPlugin plugin;
    plugin.bytes.resize(length);
    INFO("cut at " << length << " of " << whole.bytes.size());
    CHECK(name_of_refusal(plugin.file()) == "plugin-truncated");
    CHECK_FALSE(is_mapped(plugin.folder()));
  }
}

TEST_CASE("texts of a note that do not end are ended") {
  SpoiledPlugin plugin;
  plugin.put_note(offsetof(millrace_plugin_note, sanitizer), std::string(sizeof(millrace_plugin_note::sanitizer), 'x'));
  const std::string file = plugin.file();
  CHECK(name_of_refusal(file) == "plugin-sanitizer");
  CHECK(std::strlen(read_plugin_note(file).sanitizer) == sizeof(millrace_plugin_note::sanitizer) - 1);
}
