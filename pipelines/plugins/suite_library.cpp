// Opens the conformance suite.
#include "suite_library.hpp"

#include <millrace/detail/suite_entry.hpp>
#include <millrace/error.hpp>

#include <dlfcn.h>
#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

// Beside Millrace's own library, where the program's search path leads as well. Never closed: checks are functions in it.
const std::vector<testing::SuiteCheck>* open_suite() {
  void* const handle = dlopen(MILLRACE_SUITE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
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
