#include <millrace/build_info.hpp>

#include <dnnl.h>
#include <fmt/format.h>

namespace millrace {
namespace {

constexpr const char* compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace

BuildInfo build_info() {
  const dnnl_version_t* v = dnnl_version();
  return {MILLRACE_VERSION, compiler(), MILLRACE_BUILD_FLAGS, fmt::format("{}.{}.{}", v->major, v->minor, v->patch),
          MILLRACE_SANITIZER_NAME};
}

}  // namespace millrace
