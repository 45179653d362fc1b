// The table of step factories.
#include "step_factories.hpp"

#include <millrace/error.hpp>

#include <map>

namespace millrace {
namespace {

/// A function's static, because factories register while other files' statics are still being made.
std::map<std::string, nn::StepFactory>& factories() {
  static std::map<std::string, nn::StepFactory> table;
  return table;
}

const nn::StepFactory& factory_of(const std::string& kind) {
  const auto found = factories().find(kind);
  if (found != factories().end()) return found->second;
  throw Error(ErrorKind::device, "no-training-step", "devices of kind `" + kind + "` cannot train in this build",
              "run on the CPU: --set device=cpu");
}

}  // namespace

namespace nn {
void register_step_factory(const std::string& device_kind, StepFactory factory) { factories()[device_kind] = factory; }
}  // namespace nn

TrainStep::~TrainStep() = default;
EvaluationStep::~EvaluationStep() = default;

std::size_t train_step_bytes(const TrainSpec& spec, const DeviceId& device) {
  return factory_of(device.kind).train_bytes(spec);
}

std::size_t evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, const DeviceId& device,
                                  Precision precision) {
  return factory_of(device.kind).evaluation_bytes(model, max_batch_rows, precision);
}

std::string why_no_reduction(const TrainSpec& spec, const DeviceId& device) {
  const nn::StepFactory& factory = factory_of(device.kind);
  if (factory.why_no_reduction != nullptr) return factory.why_no_reduction(spec);
  const bool is_alone = spec.communicator == nullptr || spec.communicator->size() == 1;
  if (is_alone && spec.reduction == Reduction::fast) return {};
  return "its training step cannot sum gradients over processes, nor in the order of `reduction: ordered`";
}

std::unique_ptr<TrainStep> make_train_step(Device& device, const TrainSpec& spec) {
  return factory_of(device.id().kind).make_train(device, spec);
}

std::unique_ptr<EvaluationStep> make_evaluation_step(Device& device, std::shared_ptr<const ModelSpec> model, Loss loss,
                                                     const TensorSpec& inputs, const TensorSpec& targets,
                                                     std::int64_t max_batch_rows, Precision precision) {
  return factory_of(device.id().kind)
      .make_evaluation(device, {std::move(model), loss, inputs, targets, max_batch_rows, precision});
}

}  // namespace millrace
