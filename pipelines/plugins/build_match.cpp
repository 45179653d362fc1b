// Compares the plugin's note with this build, field by field: API, compiler, standard library, sanitizer; then a hash of all public types.
#include "build_match.hpp"

#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <string_view>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

std::string_view family(std::string_view text) { return text.substr(0, text.find(' ')); }

// What follows family and version: "old-abi", "dbg"; both change the layout of std::string or of every container.
std::string_view layout(std::string_view text) {
  const std::size_t version = text.find(' ');
  const std::size_t end = version == std::string_view::npos ? version : text.find(' ', version + 1);
  return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}

[[noreturn]] void refuse(const std::string& path, std::string name, const std::string& what, std::string help) {
  throw Error(ErrorKind::plugin, std::move(name), fmt::format("plugin `{}` {}", path, what), std::move(help));
}

std::string build_with(const std::string& arguments) { return "build it anew: " + rebuild_command(arguments); }

void require_same_library(const std::string& path, const millrace_plugin_note& note) {
  const std::string_view theirs = note.standard_library, ours = MILLRACE_DETAIL_STDLIB;
  if (family(theirs) != family(ours))
    refuse(path, "plugin-standard-library", fmt::format("uses {}, this pipeline-run {}", theirs, ours),
           build_with(fmt::format("-DCMAKE_CXX_FLAGS=-stdlib={}", family(ours))));
  if (layout(theirs) != layout(ours))
    refuse(path, "plugin-standard-library",
           fmt::format("was built with other settings of the standard library: `{}`, this pipeline-run `{}`", theirs,
                       ours),
           "build it anew without _GLIBCXX_DEBUG and _GLIBCXX_USE_CXX11_ABI: " + rebuild_command());
}

std::string_view sanitizer_flag(std::string_view sanitizer) {
  return sanitizer == "none" ? "-DCMAKE_CXX_FLAGS=" : "-DCMAKE_CXX_FLAGS=-fsanitize=";
}

// Of the headers that this file was compiled with, as a plugin bears that of its own.
constexpr detail::LayoutNote kOwnLayout = detail::layout_of_this_build();

}  // namespace

std::string rebuild_command(const std::string& arguments) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const std::string prefix = error ? "PREFIX" : program.parent_path().parent_path().string();
  return fmt::format("cmake --fresh -S . -B build \"-DCMAKE_PREFIX_PATH={}\"{}{} && cmake --build build", prefix,
                     arguments.empty() ? "" : " ", arguments);
}

void require_same_build(const std::string& path, const millrace_plugin_note& note) {
  if (note.api_version != MILLRACE_PLUGIN_API_VERSION)
    refuse(path, "plugin-api-version",
           fmt::format("was built for plugin API {} (Millrace {}), this pipeline-run has {}", note.api_version,
                       note.version, MILLRACE_PLUGIN_API_VERSION),
           build_with({}));
  if (family(note.compiler) != family(MILLRACE_DETAIL_COMPILER))
    refuse(path, "plugin-compiler",
           fmt::format("was built with {}, this pipeline-run with {}", note.compiler, MILLRACE_DETAIL_COMPILER),
           build_with(fmt::format("-DCMAKE_CXX_COMPILER={}",
                                  family(MILLRACE_DETAIL_COMPILER) == "clang" ? "clang++" : "g++")));
  require_same_library(path, note);
  const std::string_view ours = MILLRACE_DETAIL_SANITIZER;
  if (std::string_view(note.sanitizer) != ours)
    refuse(path, "plugin-sanitizer",
           fmt::format("was built with sanitizer `{}`, this pipeline-run with `{}`", note.sanitizer, ours),
           build_with(fmt::format("{}{}", sanitizer_flag(ours), ours == "none" ? "" : ours)));
}

void require_same_layout(const std::string& path, const millrace_plugin_note& note, const std::string& layout) {
  const std::string_view own(reinterpret_cast<const char*>(&kOwnLayout), sizeof kOwnLayout);
  if (layout == own) return;
  refuse(path, "plugin-layout",
         fmt::format("was built against other headers of Millrace {} than this pipeline-run was: types that both use "
                     "are laid out otherwise",
                     note.version),
         build_with({}));
}

}  // namespace millrace::pipelines
