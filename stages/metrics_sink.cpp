// Takes metrics of any number of stages into the history of the run.
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
  static void describe(StageSpec& spec) {
    spec.summary("Takes metrics into the history of the run.")
        .any_inputs(PortContent::metrics("`train` keeps its names, `valid` gets `val_`, any other `<name>_`"))
        .inputs(InputMode::independent)
        .example("log: {stage: metrics_sink, in: {train: learn.metrics, valid: evaluate.metrics}}");
  }
  explicit MetricsSink(const ParamValue&) {}

  void infer(InferContext&) override {}
  void open(OpenContext& ctx) override { news_ = &ctx.news(); }

  void process(SerialContext& ctx) override {
    const Metrics& metrics = *ctx.input(ctx.port()).metrics;
    const std::string prefix = prefix_of(ctx.port());
    Metrics named;
    named.epoch = metrics.epoch;
    for (const auto& [name, value] : metrics.values)
      if (prefix.empty() || name != "samples_per_second") named.set(prefix + name, value);
    news_->epoch_metrics(named);
  }

 private:
  RunNews* news_ = nullptr;
};

MILLRACE_REGISTER_STAGE("metrics_sink", MetricsSink);

}  // namespace
}  // namespace millrace::stages
