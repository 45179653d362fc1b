// Opens the conformance suite by its full path: a bare name is looked for on the search path of the caller of dlopen, which under
// AddressSanitizer is the sanitizer's own library.
#include "suite_library.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/detail/suite_entry.hpp>
#include <millrace/error.hpp>

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace millrace::pipelines {
namespace {

// Beside Millrace's own library, as the other objects that are opened when wanted.
std::string suite_path() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&millrace::build_info), &info) == 0) return MILLRACE_SUITE_LIBRARY;
  return (std::filesystem::path(info.dli_fname).parent_path() / MILLRACE_SUITE_LIBRARY).string();
}

// Never closed: checks are functions in it.
const std::vector<testing::SuiteCheck>* open_suite() {
  void* const handle = dlopen(suite_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto entry =
      handle == nullptr ? nullptr : reinterpret_cast<testing::SuiteEntry>(dlsym(handle, testing::kSuiteEntry));
  if (entry != nullptr) return entry();
  const char* reason = dlerror();
  throw Error(ErrorKind::plugin, "suite-missing",
              fmt::format("the checks of a stage cannot be opened: {}", reason == nullptr ? "unknown error" : reason),
              "build the target millrace_testing, or install Millrace again");
}

}  // namespace

const std::vector<testing::SuiteCheck>& opened_suite() {
  static const std::vector<testing::SuiteCheck>& suite = *open_suite();
  return suite;
}

}  // namespace millrace::pipelines
