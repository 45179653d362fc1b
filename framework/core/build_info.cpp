// Dependency inversion by a function pointer: it is constant-initialized, so the static initializer that sets it may run at any time.
#include "build_info.hpp"

#include <millrace/detail/build_info.hpp>

namespace millrace {
namespace {

constexpr const char* compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

/// Zero before any constructor of a file runs.
ProductLibrary (*product_library)() = nullptr;

}  // namespace

void register_product_library(ProductLibrary (*describe)()) { product_library = describe; }

BuildInfo build_info() {
  const ProductLibrary library = product_library();
  return {MILLRACE_VERSION, compiler(), MILLRACE_BUILD_FLAGS, library.version, library.isa, MILLRACE_SANITIZER_NAME};
}

}  // namespace millrace
