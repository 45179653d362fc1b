// Names metrics in the history of the run; without it they bear the engine's names.
//
//   in:      metrics, named by the user: `train` keeps its names, `valid` gets `val_`, any other `<name>_`
//   example: log: {stage: metrics_sink, in: {train: learn.metrics, valid: evaluate.metrics}}
#include <millrace/registry.hpp>

namespace millrace::stages {
namespace {

// Keras's names.
std::string prefix_of(std::string_view port) {
  if (port == "train") return "";
  if (port == "valid") return "val_";
  return std::string(port) + "_";
}

class MetricsSink final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Names metrics in the history of the run.")
        .any_inputs(PortType::metrics("`train` keeps its names, `valid` gets `val_`, any other `<name>_`"))
        .inputs(InputMode::independent)
        .example("log: {stage: metrics_sink, in: {train: learn.metrics, valid: evaluate.metrics}}");
  }
  explicit MetricsSink(const ParamValue&) {}

  void infer(InferContext& ctx) override {
    for (const std::string& port : ctx.inputs()) ctx.reports(port, prefix_of(port));
  }

  // What goes into the history does so when it is emitted, so that a run that ends has it, however the threads race.
  void process(SerialContext&) override {}
};

MILLRACE_REGISTER_STAGE("metrics_sink", MetricsSink);

}  // namespace
}  // namespace millrace::stages
