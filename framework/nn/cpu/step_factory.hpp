// The steps of the CPU, which register themselves.
#pragma once

#include "nn/step_factories.hpp"

namespace millrace::cpu {

nn::StepFactory step_factory();

}  // namespace millrace::cpu
