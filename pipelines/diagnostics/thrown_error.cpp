// Whoever catches knows the place, if there is one, and adds it.
#include "thrown_error.hpp"

namespace millrace::pipelines {

Diagnostic to_diagnostic(const Error& error) {
  Diagnostic diagnostic;
  diagnostic.kind = error.kind();
  diagnostic.name = error.name();
  diagnostic.message = error.message();
  diagnostic.help = error.help();
  diagnostic.notes = error.notes();
  return diagnostic;
}

}  // namespace millrace::pipelines
