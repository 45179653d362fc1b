#include "plugin_loader.hpp"

#include "elf_reader.hpp"

#include <millrace/error.hpp>

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <string_view>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

std::string_view family(std::string_view text) { return text.substr(0, text.find(' ')); }

[[noreturn]] void refuse(const std::string& path, std::string name, const std::string& what, std::string help) {
  throw Error(ErrorKind::plugin, std::move(name), fmt::format("plugin `{}` {}", path, what), std::move(help));
}

// C++ objects cross the border, so both sides must lay them out alike and share one sanitizer runtime.
void check_note(const std::string& path, const millrace_plugin_note& note) {
  if (note.api_version != MILLRACE_PLUGIN_API_VERSION)
    refuse(path, "plugin-api-version",
           fmt::format("was built for plugin API {}, this pipeline-run has {}", note.api_version,
                       MILLRACE_PLUGIN_API_VERSION),
           fmt::format("build it against this Millrace (it was built against {})", note.version));
  if (family(note.compiler) != family(MILLRACE_DETAIL_COMPILER))
    refuse(path, "plugin-compiler",
           fmt::format("was built with {}, this pipeline-run with {}", note.compiler, MILLRACE_DETAIL_COMPILER),
           fmt::format("build it with {}", family(MILLRACE_DETAIL_COMPILER)));
  if (family(note.standard_library) != family(MILLRACE_DETAIL_STDLIB))
    refuse(path, "plugin-standard-library",
           fmt::format("uses {}, this pipeline-run {}", note.standard_library, MILLRACE_DETAIL_STDLIB),
           fmt::format("build it with {}", family(MILLRACE_DETAIL_STDLIB)));
  if (std::string_view(note.sanitizer) != MILLRACE_DETAIL_SANITIZER)
    refuse(path, "plugin-sanitizer",
           fmt::format("was built with sanitizer `{}`, this pipeline-run with `{}`", note.sanitizer,
                       MILLRACE_DETAIL_SANITIZER),
           fmt::format("configure it with -DMILLRACE_SANITIZER={}", MILLRACE_DETAIL_SANITIZER));
}

bool is_loaded(const StageRegistry& registry, const std::string& file) {
  for (const std::string& name : registry.names())
    if (registry.find(name)->file == file) return true;
  return false;
}

const millrace_plugin& enter(const std::string& path) {
  // Local: two plugins may define the same symbols. Never closed: stages' code and types must outlive every run.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    refuse(path, "plugin-load-failed", fmt::format("cannot be loaded: {}", dlerror()),
           "a missing library or symbol: build it again against this Millrace, or install what it needs");
  using Entry = const millrace_plugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, "millrace_plugin_entry"));
  const millrace_plugin* plugin = entry == nullptr ? nullptr : entry();
  if (plugin == nullptr || plugin->register_stages == nullptr)
    refuse(path, "plugin-no-entry", "has no usable millrace_plugin_entry()",
           "put MILLRACE_PLUGIN(...) into one of its files");
  if (plugin->api_version != MILLRACE_PLUGIN_API_VERSION)
    refuse(path, "plugin-api-version", fmt::format("says plugin API {} at run time", plugin->api_version),
           "build it again");
  return *plugin;
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

}  // namespace

void load_plugin(const std::string& path, StageRegistry& registry) {
  const millrace_plugin_note note = read_plugin_note(path);
  // Absolute: dlopen would look a bare name up in the library path.
  const std::string file = fs::canonical(path).string();
  if (is_loaded(registry, file)) return;
  check_note(path, note);
  const millrace_plugin& plugin = enter(file);
  registry.set_origin(text_or_empty(plugin.name), text_or_empty(plugin.version), text_or_empty(plugin.licence), file);
  plugin.register_stages(&registry);
  registry.set_origin({}, {}, {}, {});
}

std::string builtin_plugin_path() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path candidates[] = {folder / "../lib/millrace_stages.so",
                                 folder / MILLRACE_PLUGIN_FOLDER_FROM_BIN / "millrace_stages.so"};
  for (const fs::path& candidate : candidates)
    if (fs::exists(candidate)) return fs::canonical(candidate).string();
  throw Error(ErrorKind::plugin, "plugin-missing",
              fmt::format("the built-in stages are neither at `{}` nor at `{}`", candidates[0].string(),
                          candidates[1].string()),
              "build the target millrace_stages, or install Millrace again");
}

}  // namespace millrace::pipelines
