// Catch2 2.13 and 3 under one set of names.
#pragma once

#if __has_include(<catch2/catch_version_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#else
#include <catch2/catch.hpp>
namespace Catch {
using Detail::Approx;
namespace Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Matchers
}  // namespace Catch
   /// Catch2 2 cannot skip: the case passes, and says on the console that it did not run.
#define SKIP(text)             \
  do {                         \
    WARN("SKIPPED: " << text); \
    return;                    \
  } while (false)
#endif
