#include "plugins/plugin_loader.hpp"
#include "plugins/elf_reader.hpp"

#include "catch.hpp"

#include <millrace/error.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

namespace fs = std::filesystem;

/// A copy of the built-in plugin that a test may spoil; removed at the end.
class Copy {
 public:
  Copy() : folder_(fs::temp_directory_path() / ("plugin_loader_test." + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    std::ifstream file(builtin_plugin_path(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    std::uint32_t magic[2] = {MILLRACE_PLUGIN_MAGIC, MILLRACE_PLUGIN_API_VERSION};
    std::string_view words(reinterpret_cast<const char*>(magic), sizeof magic);
    // The host's code holds the number too; the note is where the compiler's name follows.
    for (note = bytes.find(words);
         bytes.compare(note + sizeof magic, 3, std::string(MILLRACE_DETAIL_COMPILER, 3)) != 0;)
      note = bytes.find(words, note + 1);
  }
  ~Copy() { fs::remove_all(folder_); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  std::string path() const { return (folder_ / "plugin.so").string(); }
  void put(std::size_t offset, std::string_view text) { bytes.replace(offset, text.size(), text); }
  /// Name of the error that loading the copy gives; "" when there is none.
  std::string refusal() const {
    std::ofstream(path(), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    StageRegistry registry;
    return name_of(path(), registry);
  }
  static std::string name_of(const std::string& file, StageRegistry& registry) {
    try {
      load_plugin(file, registry);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::plugin);
      CHECK_FALSE(error.help().empty());
      return error.name();
    }
    return {};
  }

  std::string bytes;
  std::size_t note = 0;

 private:
  fs::path folder_;
};

std::string refusal_of(const std::string& file) {
  StageRegistry registry;
  return Copy::name_of(file, registry);
}

}  // namespace

TEST_CASE("the built-in stages are a plugin with a note and an origin") {
  const millrace_plugin_note note = read_plugin_note(builtin_plugin_path());
  CHECK(note.api_version == MILLRACE_PLUGIN_API_VERSION);
  CHECK(std::string(note.compiler) == MILLRACE_DETAIL_COMPILER);
  StageRegistry registry;
  load_plugin(builtin_plugin_path(), registry);
  REQUIRE(registry.find("flatten") != nullptr);
  CHECK(registry.find("flatten")->plugin == "millrace");
  CHECK(registry.find("flatten")->file == builtin_plugin_path());
}

TEST_CASE("loading one file twice does nothing, loading a copy of it is a duplicate stage") {
  Copy copy;
  StageRegistry registry;
  load_plugin(builtin_plugin_path(), registry);
  const std::size_t count = registry.names().size();
  load_plugin(builtin_plugin_path(), registry);
  CHECK(registry.names().size() == count);
  CHECK(copy.refusal().empty());  // alone it is a good plugin; it stays mapped, so its file may not be written again
  try {
    load_plugin(copy.path(), registry);
    FAIL("a second `flatten` was taken");
  } catch (const Error& error) {
    CHECK(error.name() == "duplicate-stage");
    CHECK(error.kind() == ErrorKind::plugin);
  }
}

TEST_CASE("what is no shared object is refused by name") {
  CHECK(refusal_of("/nowhere/plugin.so") == "plugin-missing");
  CHECK(refusal_of("/tmp") == "plugin-not-a-file");
  CHECK(refusal_of("/dev/null") == "plugin-not-a-file");
  Copy copy;
  REQUIRE(mkfifo(copy.path().c_str(), 0600) == 0);
  CHECK(refusal_of(copy.path()) == "plugin-not-a-file");
  fs::remove(copy.path());
  for (const char* text : {"", "x",
                           "\x7f"
                           "ELF",
                           "#!/bin/sh\nexit 0\n"}) {
    copy.bytes = text;
    CHECK(copy.refusal() == "plugin-not-elf");
  }
}

TEST_CASE("a shared object without the note is refused before any of its code runs") {
  CHECK(refusal_of(MILLRACE_TEST_FRAMEWORK_FILE) == "plugin-no-note");
  Copy copy;
  copy.put(copy.note, "XXXX");
  CHECK(copy.refusal() == "plugin-no-note");
}

TEST_CASE("a plugin that is cut off anywhere is refused and never mapped") {
  const Copy whole;
  for (std::size_t length = 64; length < whole.bytes.size(); length += whole.bytes.size() / 37) {
    Copy copy;
    copy.bytes.resize(length);
    const std::string name = copy.refusal();
    INFO("cut at " << length << " of " << whole.bytes.size());
    CHECK((name == "plugin-truncated" || name == "plugin-not-elf"));
  }
}

TEST_CASE("a plugin for another processor or of another kind of file is refused") {
  Copy machine, width, kind;
  machine.put(18, std::string("\xF3\x00", 2));  // RISC-V
  CHECK(machine.refusal() == "plugin-wrong-machine");
  width.put(4, "\x01");  // 32 bits
  CHECK(width.refusal() == "plugin-wrong-machine");
  kind.put(16, std::string("\x02\x00", 2));  // an executable
  CHECK(kind.refusal() == "plugin-not-elf");
}

TEST_CASE("a plugin that was built otherwise is refused by what differs") {
  Copy version, compiler, library, sanitizer;
  version.put(version.note + offsetof(millrace_plugin_note, api_version), "\x63");
  CHECK(version.refusal() == "plugin-api-version");
  compiler.put(compiler.note + offsetof(millrace_plugin_note, compiler), "icc 1");
  CHECK(compiler.refusal() == "plugin-compiler");
  library.put(library.note + offsetof(millrace_plugin_note, standard_library), "libc++ ");
  CHECK(library.refusal() == "plugin-standard-library");
  sanitizer.put(sanitizer.note + offsetof(millrace_plugin_note, sanitizer), "memory");
  CHECK(sanitizer.refusal() == "plugin-sanitizer");
}

TEST_CASE("a plugin whose symbols are missing or that has no entry is refused") {
  CHECK(refusal_of(MILLRACE_TEST_UNRESOLVED_PLUGIN) == "plugin-load-failed");
  CHECK(refusal_of(MILLRACE_TEST_ENTRYLESS_PLUGIN) == "plugin-no-entry");
}

TEST_CASE("texts of a note that do not end are ended") {
  Copy copy;
  copy.put(copy.note + offsetof(millrace_plugin_note, sanitizer),
           std::string(sizeof(millrace_plugin_note::sanitizer), 'x'));
  CHECK(copy.refusal() == "plugin-sanitizer");
  CHECK(std::strlen(read_plugin_note(copy.path()).sanitizer) == sizeof(millrace_plugin_note::sanitizer) - 1);
}
