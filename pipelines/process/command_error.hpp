// What ends a command, by name.
#pragma once

#include <millrace/error.hpp>

#include <exception>

namespace millrace::pipelines {

/// Anything that a command has thrown, as the error that its user is told. What no part of Millrace throws on purpose is
/// Error("internal-error", run).
Error error_of(const std::exception_ptr& thrown);

}  // namespace millrace::pipelines
