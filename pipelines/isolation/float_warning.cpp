// One text for both places where a stage runs.
#include "float_warning.hpp"

namespace millrace::pipelines {

void warn_of_changed_floats(RunReporter& of) {
  of.warn("float-environment", "the stage changes rounding or denormals; that was undone after each call",
          "set them only for a calculation of the stage's own, and build it without -ffast-math");
}

}  // namespace millrace::pipelines
