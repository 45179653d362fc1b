// The steps of a GPU, as the table of factories takes them.
#pragma once

#include "nn/step_factories.hpp"

namespace millrace::cuda {

nn::StepFactory step_factory();

}  // namespace millrace::cuda
