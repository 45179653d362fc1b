// Every way in which a plugin can be wrong, each with the name of the error that tells it.
#include "plugins/elf_reader.hpp"
#include "process/timeouts.hpp"
#include "spoiled_plugin.hpp"

#include <millrace/registry.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

struct BrokenFile {
  const char* what;
  std::function<void(SpoiledPlugin&)> spoil;
  std::vector<std::string> names;  ///< any of these
};

void cut(SpoiledPlugin& plugin, std::size_t length) { plugin.bytes.resize(length); }

constexpr std::size_t kNote = offsetof(millrace_plugin_note, api_version);

// What the file itself tells, before any of its code runs.
const std::vector<BrokenFile>& broken_files() {
  static const std::vector<BrokenFile> all = {
      {"empty", [](auto& p) { cut(p, 0); }, {"plugin-not-elf"}},
      {"one byte", [](auto& p) { cut(p, 1); }, {"plugin-not-elf"}},
      {"a script", [](auto& p) { p.bytes = "#!/bin/sh\nexit 0\n" + std::string(4096, '#'); }, {"plugin-not-elf"}},
      {"zeros", [](auto& p) { p.bytes.assign(65536, '\0'); }, {"plugin-not-elf"}},
      {"a header and no more", [](auto& p) { cut(p, sizeof(Elf64_Ehdr)); }, {"plugin-truncated"}},
      {"a quarter", [](auto& p) { cut(p, p.bytes.size() / 4); }, {"plugin-truncated"}},
      {"a half", [](auto& p) { cut(p, p.bytes.size() / 2); }, {"plugin-truncated"}},
      {"all but the last byte", [](auto& p) { cut(p, p.bytes.size() - 1); }, {"plugin-truncated"}},
      {"another processor",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_machine), Elf64_Half{EM_RISCV}); },
       {"plugin-wrong-machine"}},
      {"32 bits", [](auto& p) { p.put(EI_CLASS, "\x01"); }, {"plugin-wrong-machine"}},
      {"the other byte order", [](auto& p) { p.put(EI_DATA, "\x02"); }, {"plugin-wrong-machine"}},
      {"an executable",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_EXEC}); },
       {"plugin-not-elf"}},
      {"an object file",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_type), Elf64_Half{ET_REL}); },
       {"plugin-not-elf"}},
      {"program headers of another size",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_phentsize), Elf64_Half{57}); },
       {"plugin-not-elf"}},
      {"60,000 program headers",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_phnum), Elf64_Half{60000}); },
       {"plugin-not-elf"}},
      {"program headers beyond the end",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_phoff), std::uint64_t{1} << 40U); },
       {"plugin-truncated"}},
      {"an offset that wraps around",
       [](auto& p) { p.put_number(p.segment_offset(0) + offsetof(Elf64_Phdr, p_offset), ~std::uint64_t{0} - 7); },
       {"plugin-truncated"}},
      {"a segment beyond the end",
       [](auto& p) {
         p.put_number(p.segment_offset(p.segment_of_type(PT_LOAD)) + offsetof(Elf64_Phdr, p_filesz),
                      std::uint64_t{1} << 40U);
       },
       {"plugin-truncated"}},
      {"no dynamic segment",
       [](auto& p) { p.put_number(p.segment_offset(p.segment_of_type(PT_DYNAMIC)), std::uint32_t{PT_NULL}); },
       {"plugin-not-elf"}},
      {"no sections", [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_shnum), Elf64_Half{0}); }, {"plugin-no-note"}},
      {"sections beyond the end",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_shoff), std::uint64_t{1} << 40U); },
       {"plugin-truncated"}},
      {"section names beyond the last section",
       [](auto& p) { p.put_number(offsetof(Elf64_Ehdr, e_shstrndx), Elf64_Half{999}); },
       {"plugin-no-note"}},
      {"no note", [](auto& p) { p.replace(".note.millrace", ".note.milldust"); }, {"plugin-no-note"}},
      {"a note of zeros",
       [](auto& p) {
         p.put_number(p.section_offset(".note.millrace") + offsetof(Elf64_Shdr, sh_type), std::uint32_t{SHT_NOBITS});
       },
       {"plugin-no-note"}},
      {"a short note",
       [](auto& p) {
         p.put_number(p.section_offset(".note.millrace") + offsetof(Elf64_Shdr, sh_size), std::uint64_t{8});
       },
       {"plugin-no-note"}},
      {"a note of another kind", [](auto& p) { p.put_note(0, "XXXX"); }, {"plugin-no-note"}},
      {"another API version", [](auto& p) { p.put_note(kNote, "\x63"); }, {"plugin-api-version"}},
      {"another compiler",
       [](auto& p) { p.put_note(offsetof(millrace_plugin_note, compiler), "icc 1"); },
       {"plugin-compiler"}},
      {"another standard library",
       [](auto& p) { p.put_note(offsetof(millrace_plugin_note, standard_library), "libzzz "); },
       {"plugin-standard-library"}},
      {"checked containers",
       [](auto& p) {
         p.put_note(offsetof(millrace_plugin_note, standard_library),
                    std::string(MILLRACE_DETAIL_STDLIB " dbg\0", sizeof(MILLRACE_DETAIL_STDLIB) + 4));
       },
       {"plugin-standard-library"}},
      {"another sanitizer",
       [](auto& p) { p.put_note(offsetof(millrace_plugin_note, sanitizer), "memory\0"); },
       {"plugin-sanitizer"}},
      {"texts that do not end",
       [](auto& p) { p.put_note(kNote + 4, std::string(sizeof(millrace_plugin_note) - 8, 'x')); },
       {"plugin-compiler"}},
  };
  return all;
}

// What only the loader or the plugin's own code can tell: found out in a process of its own.
struct BrokenCode {
  const char* way;
  const char* name;
};

constexpr BrokenCode kBrokenCode[] = {
    {"global crashes", "plugin-crashes"},
    {"global aborts", "plugin-crashes"},
    {"global exits", "plugin-exits"},
    {"global leaves", "plugin-exits"},
    {"global exits with 3", "plugin-exits"},
    {"global closes", "plugin-exits"},
    {"global orphans", "plugin-exits"},
    {"entry crashes", "plugin-crashes"},
    {"entry throws", "plugin-throws"},
    {"entry gives nothing", "plugin-no-entry"},
    {"entry of another version", "plugin-api-version"},
    {"entry without a function", "plugin-no-entry"},
    {"register crashes", "plugin-crashes"},
    {"register traps", "plugin-crashes"},
    {"register kills", "plugin-crashes"},
    {"register exits", "plugin-exits"},
    {"register throws an int", "plugin-throws"},
    {"register throws no memory", "plugin-throws"},
    {"register throws an error", "plugin-throws"},
    {"register nothing", "plugin-empty"},
    {"describe throws", "plugin-throws"},
    {"twice", "duplicate-stage"},
    {"reserved param", "reserved-parameter"},
    {"bad name", "plugin-descriptor"},
    {"no summary", "plugin-descriptor"},
    {"foreign example", "plugin-descriptor"},
    {"no input", "plugin-descriptor"},
    {"no output", "plugin-descriptor"},
    {"no port doc", "plugin-descriptor"},
    {"port twice", "plugin-descriptor"},
    {"no param doc", "plugin-descriptor"},
    {"param twice", "plugin-descriptor"},
    {"bad default", "plugin-descriptor"},
};

}  // namespace

TEST_CASE("every broken file is refused by name, with what mends it, and never mapped") {
  for (const BrokenFile& broken : broken_files()) {
    INFO(broken.what);
    SpoiledPlugin plugin;
    broken.spoil(plugin);
    StageRegistry registry;
    const auto refusal = refusal_of(plugin.file(), registry);
    REQUIRE(refusal);
    CHECK(std::count(broken.names.begin(), broken.names.end(), refusal->name()) == 1);
    CHECK(refusal->message().find("spoiled.so") != std::string::npos);
    CHECK_FALSE(refusal->help().empty());
    CHECK_FALSE(is_mapped(plugin.folder()));
    CHECK(registry.names().empty());
  }
}

TEST_CASE("every plugin that misbehaves is refused by name, and its code never runs in this process") {
  for (const BrokenCode& broken : kBrokenCode) {
    INFO(broken.way);
    const SpoiledPlugin plugin(broken.way);
    StageRegistry registry;
    const auto refusal = refusal_of(plugin.file(), registry);
    REQUIRE(refusal);
    CHECK(refusal->name() == broken.name);
    CHECK_FALSE(refusal->help().empty());
    CHECK_FALSE(is_mapped(plugin.folder()));
    CHECK(registry.names().empty());
  }
}

TEST_CASE("a plugin that never returns is ended and refused") {
  const Variable soon("MILLRACE_PLUGIN_TIMEOUT_MS", "100");
  for (const char* way : {"global hangs", "register hangs"}) {
    const SpoiledPlugin plugin(way);
    StageRegistry registry;
    const auto refusal = refusal_of(plugin.file(), registry);
    REQUIRE(refusal);
    CHECK(refusal->name() == "plugin-hangs");
    CHECK(refusal->message().find("100 ms") != std::string::npos);
  }
}

TEST_CASE("a limit that is no positive number is a wrong argument") {
  for (const char* limit : {"0", "-1", "soon", "1.5", "1s"}) {
    const Variable variable("MILLRACE_PLUGIN_TIMEOUT_MS", limit);
    CHECK_THROWS_AS(plugin_timeout(), Error);
  }
}

TEST_CASE("the last line a plugin said before it died is told") {
  StageRegistry registry;
  const SpoiledPlugin plugin("global complains and aborts");
  const auto refusal = refusal_of(plugin.file(), registry);
  REQUIRE(refusal);
  REQUIRE(refusal->notes().size() == 1);
  CHECK(refusal->notes().front() == "the last it said: the moon is wrong");
}

TEST_CASE("what a global object throws is told") {
  StageRegistry registry;
  const SpoiledPlugin plugin("global throws");
  const auto refusal = refusal_of(plugin.file(), registry);
  REQUIRE(refusal);  // the loader ends the process, or lets the exception pass: both happen
  CHECK((refusal->name() == "plugin-crashes" || refusal->name() == "plugin-throws"));
  CHECK(refusal->render().find("a global object") != std::string::npos);
}

TEST_CASE("no code runs of a plugin that its note already refuses") {
  const testing::TempFolder folder;
  const std::string mark = folder.path() + "/mark";
  const Variable variable("MILLRACE_TEST_MARK", mark);
  for (const bool refused : {true, false}) {
    SpoiledPlugin plugin;
    if (refused) plugin.put_note(kNote, "\x63");
    StageRegistry registry;
    CHECK(refusal_of(plugin.file(), registry).has_value() == refused);
    CHECK(std::filesystem::exists(mark) != refused);
  }
}

TEST_CASE("a missing library and a missing symbol are named, as the source names them") {
  SpoiledPlugin library, symbol;
  library.replace("libmillrace.so.0", "libmillrace.so.7");
  StageRegistry registry;
  auto refusal = refusal_of(library.file(), registry);
  REQUIRE(refusal);
  CHECK(refusal->name() == "plugin-needs-library");
  CHECK(refusal->message().find("`libmillrace.so.7`") != std::string::npos);
  CHECK(refusal->help().find("LD_LIBRARY_PATH") != std::string::npos);

  symbol.replace("_ZN8millrace13StageRegistry3addE", "_ZN8millrace13StageRegistry3adxE");
  refusal = refusal_of(symbol.file(), registry);
  REQUIRE(refusal);
  CHECK(refusal->name() == "plugin-needs-symbol");
  CHECK(refusal->message().find("millrace::StageRegistry::adx(millrace::StageInfo)") != std::string::npos);
  CHECK(refusal->help().find("cmake") != std::string::npos);
}

TEST_CASE("a plugin whose types are laid out otherwise, or that does not say how, is refused before its code runs") {
  const testing::TempFolder folder;
  const std::string mark = folder.path() + "/mark";
  const Variable variable("MILLRACE_TEST_MARK", mark);
  SpoiledPlugin other, silent;
  const std::size_t at = other.section(".note.millrace.layout").sh_offset;
  other.put(at, std::string(1, static_cast<char>(~other.bytes[at])));
  silent.replace(".note.millrace.layout", ".note.millrace.l_yout");
  for (const SpoiledPlugin* plugin : {&other, &silent}) {
    StageRegistry registry;
    const auto refusal = refusal_of(plugin->file(), registry);
    REQUIRE(refusal);
    CHECK(refusal->name() == "plugin-layout");
    CHECK(refusal->help().find("cmake") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(mark));
}

TEST_CASE("an entry point by another name is none") {
  SpoiledPlugin plugin;
  plugin.replace("millrace_plugin_entry", "millrace_plugin_gate_");
  StageRegistry registry;
  const auto refusal = refusal_of(plugin.file(), registry);
  REQUIRE(refusal);
  CHECK(refusal->name() == "plugin-no-entry");
}

namespace {

// A file that is loaded after all may crash its process later. False when it was refused for another reason than its own.
bool load_in_fork(const std::string& file) {
  const pid_t child = fork();
  if (child == 0) {
    StageRegistry registry;
    try {
      load_plugin(file, registry, kTrial);
    } catch (const Error& error) {
      _exit(error.kind() == ErrorKind::plugin ? 0 : 1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("one wrong byte anywhere in the headers and the dynamic section takes nobody down") {
  const SpoiledPlugin whole;
  const Elf64_Phdr dynamic = whole.segment(whole.segment_of_type(PT_DYNAMIC));
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < sizeof(Elf64_Ehdr) + whole.header.e_phnum * sizeof(Elf64_Phdr); i += 7)
    places.push_back(i);
  for (std::size_t i = 0; i < dynamic.p_filesz; i += 11) places.push_back(dynamic.p_offset + i);
  for (const std::size_t place : places) {
    SpoiledPlugin plugin;
    plugin.bytes[place] = static_cast<char>(~plugin.bytes[place]);
    const std::string file = plugin.file();
    try {
      read_plugin_note(file);
      CHECK(load_in_fork(file));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::plugin);
    }
  }
  CHECK(places.size() > 100);
}
