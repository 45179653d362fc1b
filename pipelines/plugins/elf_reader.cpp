// Parses the headers, segments and sections of ELF, and checks every offset against the file's size: the file may be cut off or crafted.
#include "elf_reader.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>
#include <millrace/layout.hpp>

#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <vector>

namespace millrace::pipelines {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "Name the ELF machine of this processor here."
#endif

// Far above what linkers write; bounds what a crafted file can make us read.
constexpr std::uint64_t kMaxHeaders = 4096, kMaxTable = 1U << 26U;
constexpr const char* kBuildAgain = "build it again: cmake --build build --clean-first";

// A text of a string table; "" when the offset lies outside of it.
std::string text_at(const std::string& table, std::uint64_t offset) {
  return offset < table.size() ? std::string(table.c_str() + offset) : std::string();
}

class ElfFile {
 public:
  explicit ElfFile(const std::string& path);
  millrace_plugin_note note();
  std::string layout();

 private:
  [[noreturn]] void fail(std::string name, const std::string& what, std::string help) const;
  void read(void* out, std::uint64_t offset, std::uint64_t bytes, const char* what);
  void check_header();
  void check_segments();
  std::vector<Elf64_Shdr> sections();
  std::string texts(const Elf64_Shdr& table, const char* what);

  std::string path_;
  std::uint64_t size_ = 0;
  std::optional<InputFile> file_;
  Elf64_Ehdr header_{};
};

ElfFile::ElfFile(const std::string& path) : path_(path) {
  try {
    file_.emplace(path);
  } catch (const Error& error) {
    if (error.name() == "file-missing")
      fail("plugin-missing", "there is no such file",
           "check the path; it is relative to the config, or to the current folder after --plugin");
    if (error.name() == "not-a-file")
      fail("plugin-not-a-file", "it is not a regular file", "name the plugin's .so file");
    if (error.name() == "too-many-files") throw;  // any other file would fail as well
    fail("plugin-missing", "it cannot be read: " + why_not_opened(error, path), error.help());
  }
  size_ = file_->bytes();
  check_header();
  check_segments();
}

void ElfFile::fail(std::string name, const std::string& what, std::string help) const {
  throw Error(ErrorKind::plugin, std::move(name), fmt::format("plugin `{}`: {}", path_, what), std::move(help));
}

void ElfFile::read(void* out, std::uint64_t offset, std::uint64_t bytes, const char* what) {
  if (offset > size_ || bytes > size_ - offset)
    fail("plugin-truncated",
         fmt::format("its {} would end at byte {}, but the file has {}", what, offset + bytes, size_),
         "the file is cut off; copy it again, or build it again: cmake --build build --clean-first");
  if (file_->read_at(offset, {static_cast<std::byte*>(out), bytes}) < bytes)
    fail("plugin-truncated", fmt::format("its {} cannot be read", what), "build or copy it again");
}

void ElfFile::check_header() {
  const char* kHelp = "a plugin is a shared object built with millrace_add_plugin()";
  if (size_ < sizeof header_)
    fail("plugin-not-elf", counted(size_, "byte is", "bytes are") + " no shared object", kHelp);
  read(&header_, 0, sizeof header_, "header");
  if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0)
    fail("plugin-not-elf", "it does not start as a shared object does", kHelp);
  if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB ||
      header_.e_machine != kMachine)
    fail("plugin-wrong-machine",
         fmt::format("it was built for another kind of processor (ELF machine {})", header_.e_machine),
         "build it on this kind of machine: cmake -S . -B build && cmake --build build");
  if (header_.e_type != ET_DYN) fail("plugin-not-elf", "it is an ELF file but no shared object", kHelp);
}

// The loader maps segments whatever the file's length, and the process dies of SIGBUS when it touches what is missing.
void ElfFile::check_segments() {
  if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum > kMaxHeaders)
    fail("plugin-not-elf", "its program headers have an unknown size", kBuildAgain);
  std::vector<Elf64_Phdr> segments(header_.e_phnum);
  read(segments.data(), header_.e_phoff, segments.size() * sizeof(Elf64_Phdr), "program headers");
  bool is_dynamic = false;
  for (const Elf64_Phdr& segment : segments) is_dynamic |= segment.p_type == PT_DYNAMIC;
  if (!is_dynamic) fail("plugin-not-elf", "it has no dynamic segment, so nothing can be loaded from it", kBuildAgain);
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_offset > size_ || segment.p_filesz > size_ - segment.p_offset)
      fail("plugin-truncated",
           fmt::format("a segment of {} starts at byte {}, but the file has {}", counted(segment.p_filesz, "byte"),
                       segment.p_offset, size_),
           "the file is cut off; copy it again, or build it again: cmake --build build --clean-first");
}

std::vector<Elf64_Shdr> ElfFile::sections() {
  if (header_.e_shnum == 0 || header_.e_shnum > kMaxHeaders || header_.e_shentsize != sizeof(Elf64_Shdr) ||
      header_.e_shstrndx >= header_.e_shnum)
    return {};
  std::vector<Elf64_Shdr> found(header_.e_shnum);
  read(found.data(), header_.e_shoff, found.size() * sizeof(Elf64_Shdr), "section headers");
  return found;
}

std::string ElfFile::texts(const Elf64_Shdr& table, const char* what) {
  if (table.sh_size > kMaxTable)
    fail("plugin-not-elf", fmt::format("its {} are larger than any linker writes", what), kBuildAgain);
  std::string names(table.sh_size, '\0');
  read(names.data(), table.sh_offset, names.size(), what);
  return names;
}

millrace_plugin_note ElfFile::note() {
  const std::vector<Elf64_Shdr> all = sections();
  const std::string names = all.empty() ? std::string() : texts(all[header_.e_shstrndx], "section names");
  for (const Elf64_Shdr& section : all) {
    if (section.sh_name >= names.size() || std::strcmp(names.c_str() + section.sh_name, MILLRACE_NOTE_SECTION) != 0)
      continue;
    millrace_plugin_note note{};
    if (section.sh_type == SHT_NOBITS || section.sh_size < sizeof note) break;
    read(&note, section.sh_offset, sizeof note, "note");
    if (note.magic == MILLRACE_PLUGIN_MAGIC) return note;
    break;
  }
  fail("plugin-no-note", "it is a shared object, but no Millrace plugin (no usable section " MILLRACE_NOTE_SECTION ")",
       "put MILLRACE_PLUGIN(...) into one of its files, and do not strip the section");
}

std::string ElfFile::layout() {
  const std::vector<Elf64_Shdr> all = sections();
  const std::string names = all.empty() ? std::string() : texts(all[header_.e_shstrndx], "section names");
  for (const Elf64_Shdr& section : all)
    if (text_at(names, section.sh_name) == MILLRACE_LAYOUT_SECTION && section.sh_type != SHT_NOBITS)
      return texts(section, "layout of types");
  return {};
}

}  // namespace

millrace_plugin_note read_plugin_note(const std::string& path) {
  millrace_plugin_note note = ElfFile(path).note();
  // The file may be anybody's: end every text.
  for (char* end :
       {std::end(note.compiler), std::end(note.standard_library), std::end(note.sanitizer), std::end(note.version)})
    end[-1] = '\0';
  return note;
}

std::string read_plugin_layout(const std::string& path) { return ElfFile(path).layout(); }

}  // namespace millrace::pipelines
