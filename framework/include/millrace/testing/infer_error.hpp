// What a stage under test has reported.
#pragma once

#include <millrace/error.hpp>
#include <millrace/stage.hpp>

namespace millrace::testing {

/// An error that infer reported, or a warning.
struct InferError : Problem {
  ErrorSite site = ErrorSite::node();
};

}  // namespace millrace::testing
