// In which order folders are searched, what is said of every file in them, and that what anybody may write to is refused.
#include "plugins/plugin_search.hpp"
#include "error_of.hpp"
#include "spoiled_plugin.hpp"

#include <filesystem>

using namespace millrace;
using namespace millrace::pipelines;
using testing::error_of;
using testing::TempFolder;

namespace {

namespace fs = std::filesystem;

void put(const SpoiledPlugin& plugin, const std::string& file) {
  fs::create_directories(fs::path(file).parent_path());
  fs::copy_file(plugin.file(), file, fs::copy_options::overwrite_existing);
}

}  // namespace

TEST_CASE("plugin folders come in order: the variable's, the user's, then the build's own") {
  const Variable path("MILLRACE_PLUGIN_PATH", "/first::/second:"), data("XDG_DATA_HOME", "/data");
  const std::vector<PluginFolder> folders = plugin_folders();
  REQUIRE(folders.size() == 4);
  CHECK(folders[0].path == "/first");
  CHECK(folders[1].path == "/second");
  CHECK(folders[1].origin == "MILLRACE_PLUGIN_PATH");
  CHECK(folders[2].path == "/data/millrace/plugins");
  CHECK(folders[3].origin == "the build's folder");
  CHECK(fs::path(folders[3].path).parent_path().filename() == "lib");
  const Variable no_data("XDG_DATA_HOME", ""), home("HOME", "/my home");
  CHECK(plugin_folders()[2].path == "/my home/.local/share/millrace/plugins");
}

TEST_CASE("a bare name is looked for in every folder, a path is itself") {
  const TempFolder empty, folder;
  const Variable path("MILLRACE_PLUGIN_PATH", empty.path() + ":" + folder.path()), data("XDG_DATA_HOME", empty.path());
  put(SpoiledPlugin(), folder.path() + "/moody.so");
  CHECK(find_plugin("moody") == folder.path() + "/moody.so");
  CHECK(find_plugin("./moody") == "./moody");
  CHECK(find_plugin("moody.so") == "moody.so");
  const Error error = error_of([] { find_plugin("absent"); });
  CHECK(error.name() == "plugin-missing");
  for (const std::string& place : {empty.path(), folder.path(), empty.path() + "/millrace/plugins"})
    CHECK(error.message().find(place) != std::string::npos);
}

TEST_CASE("every place that was looked at is told, with what it brought or why it was refused") {
  const TempFolder first, second;
  const Variable path("MILLRACE_PLUGIN_PATH", first.path() + ":" + second.path() + ":/nowhere"),
      data("XDG_DATA_HOME", first.path());
  put(SpoiledPlugin("register crashes"), first.path() + "/a.so");
  put(SpoiledPlugin(), first.path() + "/b.so");
  put(SpoiledPlugin(), second.path() + "/later.so");
  second.file("readme.txt", "no plugin");
  fs::create_directories(first.path() + "/millrace/plugins");
  StageRegistry registry;
  const std::vector<LookedAt> looked = load_plugins_of_folders(registry, kTrial);
  REQUIRE(looked.size() == 6);
  REQUIRE(looked[0].refusal);
  CHECK(looked[0].refusal->name() == "plugin-crashes");
  CHECK(looked[1].stages == std::vector<std::string>{"moody"});
  REQUIRE(looked[2].refusal);
  CHECK(looked[2].refusal->name() == "duplicate-stage");
  CHECK(looked[3].remark == "is not there");
  CHECK(looked[4].remark == "has no *.so");
  CHECK(looked[5].stages == std::vector<std::string>{"random_affine"});
  CHECK(registry.find("moody")->file == fs::canonical(first.path() + "/b.so").string());
}

TEST_CASE("what anybody may write to is refused unseen") {
  const TempFolder open_file, open_folder;
  const Variable path("MILLRACE_PLUGIN_PATH", open_file.path() + ":" + open_folder.path()),
      data("XDG_DATA_HOME", "/nowhere");
  put(SpoiledPlugin(), open_file.path() + "/a.so");
  put(SpoiledPlugin(), open_folder.path() + "/b.so");
  fs::permissions(open_file.path() + "/a.so", fs::perms::others_write, fs::perm_options::add);
  fs::permissions(open_folder.path(), fs::perms::others_write, fs::perm_options::add);
  StageRegistry registry;
  const std::vector<LookedAt> looked = load_plugins_of_folders(registry, kTrial);
  REQUIRE(looked.size() == 4);
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    REQUIRE(looked[i].refusal);
    CHECK(looked[i].refusal->name() == "plugin-writable-by-all");
    CHECK(looked[i].refusal->help().find("chmod o-w") != std::string::npos);
  }
  CHECK(registry.names() == std::vector<std::string>{"random_affine"});
}

TEST_CASE("a plugin that was mended is there at once: nothing remembers that it was refused") {
  const TempFolder folder;
  const Variable path("MILLRACE_PLUGIN_PATH", folder.path()), data("XDG_DATA_HOME", "/nowhere");
  put(SpoiledPlugin("register crashes"), folder.path() + "/moody.so");
  StageRegistry registry;
  CHECK(load_plugins_of_folders(registry, kTrial)[0].refusal);
  put(SpoiledPlugin(), folder.path() + "/moody.so");
  CHECK(load_plugins_of_folders(registry, kTrial)[0].stages == std::vector<std::string>{"moody"});
}
