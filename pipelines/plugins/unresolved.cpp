#include "unresolved.hpp"

#include "build_match.hpp"
#include "elf_reader.hpp"

#include <millrace/error.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostShown = 5;

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : symbol;
}

// In the plugin's own folders first, as the loader does it.
void* library(const std::string& name, const ElfNeeds& needs) {
  for (const std::string& folder : needs.folders)
    if (void* handle = dlopen((folder + "/" + name).c_str(), RTLD_LAZY | RTLD_LOCAL)) return handle;
  return dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
}

// "a, b and 3 more"
std::string shortened(std::vector<std::string> names) {
  const std::size_t more = names.size() > kMostShown ? names.size() - kMostShown : 0;
  names.resize(names.size() - more);
  return fmt::format("`{}`{}", fmt::join(names, "`, `"), more == 0 ? "" : fmt::format(" and {} more", more));
}

[[noreturn]] void refuse(std::string name, std::string message, std::string help) {
  throw Error(ErrorKind::plugin, std::move(name), std::move(message), std::move(help));
}

}  // namespace

void require_resolved(const std::string& file) {
  const ElfNeeds needs = read_elf_needs(file);
  std::vector<void*> handles{RTLD_DEFAULT};
  std::vector<std::string> libraries, symbols;
  for (const std::string& name : needs.libraries) {
    handles.push_back(library(name, needs));
    if (handles.back() == nullptr) libraries.push_back(name);
  }
  if (!libraries.empty())
    refuse(
        "plugin-needs-library", fmt::format("plugin `{}` needs {}, which is not there", file, shortened(libraries)),
        fmt::format("install what has it, or say where it lies: LD_LIBRARY_PATH=FOLDER; all it needs: ldd '{}'", file));
  for (const std::string& symbol : needs.symbols)
    if (std::none_of(handles.begin(), handles.end(), [&](void* handle) { return dlsym(handle, symbol.c_str()); }))
      symbols.push_back(demangled(symbol));
  if (!symbols.empty())
    refuse("plugin-needs-symbol", fmt::format("plugin `{}` uses {}, which nobody has", file, shortened(symbols)),
           "link the library that has it (target_link_libraries), or build the plugin anew: " + rebuild_command());
}

}  // namespace millrace::pipelines
