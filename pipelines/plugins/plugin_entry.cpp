// dlopen, the entry function, registration; the sentences of the dynamic loader are parsed for the library or symbol that is missing.
#include "plugin_entry.hpp"

#include "build_match.hpp"

#include "process/exit_watch.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/error.hpp>
#include <millrace/float_environment.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace millrace::pipelines {
namespace {

[[noreturn]] void refuse(const std::string& path, std::string name, const std::string& what, std::string help) {
  throw Error(ErrorKind::plugin, std::move(name), fmt::format("plugin `{}` {}", path, what), std::move(help));
}

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : symbol;
}

// The loader has no error codes, but glibc's two sentences have not changed for decades: "LIBRARY: cannot open shared object
// file: ..." and "FILE: undefined symbol: SYMBOL". It names the first that is missing.
[[noreturn]] void refuse_unloadable(const std::string& file, const std::string& reason) {
  constexpr std::string_view kNoFile = ": cannot open shared object file", kNoSymbol = "undefined symbol: ";
  if (const auto end = reason.find(kNoFile); end != std::string::npos)
    refuse(
        file, "plugin-needs-library", fmt::format("needs `{}`, which is not there", reason.substr(0, end)),
        fmt::format("install what has it, or say where it lies: LD_LIBRARY_PATH=FOLDER; all it needs: ldd '{}'", file));
  if (const auto start = reason.find(kNoSymbol); start != std::string::npos) {
    const std::string symbol = reason.substr(start + kNoSymbol.size());
    refuse(file, "plugin-needs-symbol",
           fmt::format("uses `{}`, which nobody has", demangled(symbol.substr(0, symbol.find(',')))),
           "link the library that has it (target_link_libraries), or build the plugin anew: " + rebuild_command());
  }
  refuse(file, "plugin-load-failed", "cannot be loaded: " + reason, "build it anew: " + rebuild_command());
}

void* mapped(const std::string& file) {
  // Local: two plugins may define the same symbols. Now: a missing symbol is known here and not in the middle of a run.
  if (void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
  const char* reason = dlerror();
  refuse_unloadable(file, reason == nullptr ? "no reason given" : reason);
}

const millrace_plugin& entered(const std::string& file) {
  using Entry = const millrace_plugin* (*)();
  void* const handle = mapped(file);
  ExitWatch::renew();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, "millrace_plugin_entry"));
  const millrace_plugin* plugin = entry == nullptr ? nullptr : entry();
  if (plugin != nullptr && plugin->api_version != MILLRACE_PLUGIN_API_VERSION)
    refuse(file, "plugin-api-version", fmt::format("says plugin API {} at run time", plugin->api_version),
           "build it anew: " + rebuild_command());
  if (plugin == nullptr || plugin->register_stages == nullptr)
    refuse(file, "plugin-no-entry", "has no usable millrace_plugin_entry()",
           "put MILLRACE_PLUGIN(\"name\", \"version\", \"license\"); into one of its files");
  return *plugin;
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

std::vector<StageInfo> registered(const std::string& file) {
  const millrace_plugin& plugin = entered(file);
  StageRegistry registry;
  registry.set_origin(text_or_empty(plugin.name), text_or_empty(plugin.version), text_or_empty(plugin.license), file);
  plugin.register_stages(&registry);
  std::vector<StageInfo> stages;
  for (const std::string& name : registry.names()) stages.push_back(*registry.find(name));
  if (stages.empty())
    refuse(file, "plugin-empty", "registers no stage",
           "end a stage's file with MILLRACE_REGISTER_STAGE(\"name\", Class); and list the file under SOURCES");
  return stages;
}

[[noreturn]] void refuse_throwing(const std::string& file, const std::string& what) {
  refuse(file, "plugin-throws", "throws while it registers its stages: " + what,
         "mend describe() of its stages, or the constructors of its global objects");
}

}  // namespace

// oneDNN's choice of instructions is settled before, too: a plugin could limit it as long as nobody has asked.
std::vector<StageInfo> enter_plugin(const std::string& file, std::atomic<bool>* changes_floats) {
  static_cast<void>(build_info());
  const FloatGuard guard(changes_floats);
  const StagePlace place{"plugin `" + file + "`", "", "", 0, 0};
  const StageMark mark(place, "while it is loaded");
  try {
    return registered(file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::plugin) throw;
    refuse_throwing(file, error.render());
  } catch (const std::exception& error) {
    refuse_throwing(file, error.what());
  } catch (...) {
    refuse_throwing(file, "something that is no std::exception");
  }
}

}  // namespace millrace::pipelines
