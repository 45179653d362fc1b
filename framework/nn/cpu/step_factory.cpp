// A static initializer registers them under `cpu`; the check for several ranks never objects, since the host can always sum.
#include "step_factory.hpp"

#include "evaluation_step.hpp"
#include "train_step.hpp"

#include <string>

namespace millrace::cpu {
namespace {

[[maybe_unused]] const bool kRegistered = [] {
  nn::register_step_factory("cpu", step_factory());
  return true;
}();

}  // namespace

nn::StepFactory step_factory() {
  return {make_cpu_train_step, make_cpu_evaluation_step, cpu_train_step_bytes, cpu_evaluation_step_bytes,
          [](const TrainSpec&) { return std::string(); }};
}

}  // namespace millrace::cpu
