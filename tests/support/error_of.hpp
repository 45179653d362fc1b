// The millrace::Error that a call throws.
#pragma once

#include <millrace/error.hpp>

#include <stdexcept>

namespace millrace::testing {

/// Throws std::logic_error when the call throws no millrace::Error.
template <class Call>
Error error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("the call was expected to throw a millrace::Error");
}

}  // namespace millrace::testing
