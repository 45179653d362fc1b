// A copy of the moody plugin that a test may spoil.
#pragma once

#include "plugins/plugin_loader.hpp"
#include "temp_folder.hpp"

#include "catch.hpp"

#include <millrace/plugin.h>
#include <millrace/error.hpp>

#include <elf.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// This program serves no plugins.
inline const PluginTrial kTrial{MILLRACE_TEST_PROGRAM, {}, {}};

/// What loading a file was refused with.
inline std::optional<Error> refusal_of(const std::string& file, StageRegistry& registry) {
  try {
    load_plugin(file, registry, kTrial);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::plugin);
    return error;
  }
  return {};
}

/// Its bytes in memory, and a file of them that goes with it.
class SpoiledPlugin {
 public:
  SpoiledPlugin() {
    std::ifstream file(MILLRACE_TEST_MOODY_PLUGIN, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    std::memcpy(&header, bytes.data(), sizeof header);
  }
  /// One that misbehaves in a way of fixtures/moody.cpp.
  explicit SpoiledPlugin(std::string_view way) : SpoiledPlugin() {
    put(bytes.find("mood:good") + 5, std::string(way) + '\0');
  }

  SpoiledPlugin& put(std::size_t offset, std::string_view text) {
    bytes.replace(offset, text.size(), text);
    return *this;
  }
  template <class T>
  SpoiledPlugin& put_number(std::size_t offset, T number) {
    return put(offset, std::string_view(reinterpret_cast<const char*>(&number), sizeof number));
  }
  /// Replaces every occurrence of a text by one of the same length.
  SpoiledPlugin& replace(std::string_view from, std::string_view to) {
    REQUIRE(from.size() == to.size());
    REQUIRE(bytes.find(from) != std::string::npos);
    for (std::size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + 1)) put(at, to);
    return *this;
  }
  SpoiledPlugin& put_note(std::size_t member, std::string_view text) {
    return put(section(".note.millrace").sh_offset + member, text);
  }

  Elf64_Phdr segment(std::size_t index) const { return at<Elf64_Phdr>(segment_offset(index)); }
  std::size_t segment_offset(std::size_t index) const { return header.e_phoff + index * sizeof(Elf64_Phdr); }
  /// Index of the first segment of a type.
  std::size_t segment_of_type(std::uint32_t type) const {
    for (std::size_t i = 0; i < header.e_phnum; ++i)
      if (segment(i).p_type == type) return i;
    throw std::logic_error("no such segment");
  }
  std::size_t section_offset(std::string_view name) const {
    const auto names = at<Elf64_Shdr>(header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr));
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
      const std::size_t offset = header.e_shoff + i * sizeof(Elf64_Shdr);
      if (bytes.c_str() + names.sh_offset + at<Elf64_Shdr>(offset).sh_name == name) return offset;
    }
    throw std::logic_error("no such section");
  }
  Elf64_Shdr section(std::string_view name) const { return at<Elf64_Shdr>(section_offset(name)); }

  /// Writes the file; it must not be rewritten once it was loaded.
  std::string file() const { return folder_.file("spoiled.so", bytes); }
  const std::string& folder() const { return folder_.path(); }

  std::string bytes;
  Elf64_Ehdr header{};

 private:
  template <class T>
  T at(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  testing::TempFolder folder_;
};

/// Sets a variable of the environment as long as it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): tests have one thread
  }
  ~Variable() {
    if (old_)
      ::setenv(name_, old_->c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    else
      ::unsetenv(name_);  // NOLINT(concurrency-mt-unsafe)
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

/// Whether any part of a file is mapped into this process.
inline bool is_mapped(const std::string& file) {
  std::ifstream maps("/proc/self/maps");
  const std::string all{std::istreambuf_iterator<char>(maps), {}};
  return all.find(file) != std::string::npos;
}

}  // namespace millrace::pipelines
