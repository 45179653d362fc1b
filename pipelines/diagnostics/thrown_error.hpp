// An exception among the diagnostics.
#pragma once

#include "diagnostics.hpp"

#include <millrace/error.hpp>

namespace millrace::pipelines {

/// All that the error says, at no place.
Diagnostic to_diagnostic(const Error& error);

}  // namespace millrace::pipelines
