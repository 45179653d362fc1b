// What a test does that it may not.
#pragma once

#include <millrace/error.hpp>

#include <string>
#include <utility>

namespace millrace::testing {

/// A mistake of the test or of the stage, not of a user.
[[noreturn]] inline void misuse(const char* name, std::string message) {
  throw Error(ErrorKind::run, name, std::move(message));
}

}  // namespace millrace::testing
