// Ends a run when a metric has not become better for some epochs, and says with which weights.
//
//   in:      the metrics of an evaluator or a trainer
//   example: stop: {stage: early_stop, in: evaluate.metrics, with: {metric: loss, patience: 3}}
#include "stopping/epoch_judge.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace::stages {
namespace {

constexpr const char *kJudged = "judged", *kMetric = "metric", *kWeights = "weights";

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

class EarlyStop final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Ends the run when a metric has not become better for some epochs.")
        .input("in", PortType::metrics("those of an evaluator, or of a trainer"))
        .param(Param("metric", T::text(), "What is looked at, by its name there.").or_default("loss"))
        .param(Param("mode", T::choice({"min", "max"}), "Which value is the best; max for an accuracy, else min.")
                   .optional())
        .param(Param("patience", T::integer().at_least(1).at_most(1'000'000),
                     "Epochs without a better value after which the run ends with the next one.")
                   .or_default(3))
        .param(Param("min_delta", T::number().at_least(0),
                     "What is better by no more than this does not count against patience.")
                   .or_default(0.0))
        .param(
            Param("restore", T::choice({"best", "last"}),
                  "Whose weights the run ends with: those of the best epoch, or of the last. Where several judge one "
                  "trainer, the one that ended the run decides, else the first.")
                .or_default("best"))
        .state(StateKind::checkpointable)
        .every_rank_alone()
        .example("stop: {stage: early_stop, in: evaluate.metrics, with: {metric: loss, patience: 3}}");
  }

  explicit EarlyStop(const ParamValue& params)
      : metric_(params["metric"].text()),
        rule_{params["mode"].is_null() ? metric_.ends_with("accuracy") : params["mode"].text() == "max",
              static_cast<std::uint64_t>(params["patience"].integer()), params["min_delta"].number()},
        restores_(params["restore"].text() == "best"),
        judge_(rule_) {}

  void infer(InferContext& ctx) override {
    check_metric(ctx);
    const PortSpec& in = ctx.input("in");
    if (!restores_) return;
    if (in.model == nullptr)
      return ctx.error(ErrorSite::input("in"), "no-model-to-restore",
                       "these metrics do not say of which model they are",
                       "wire the metrics of an evaluator or a trainer, or write `restore: last`");
    ctx.uses_memory("weights of the best epoch", static_cast<std::size_t>(in.model->parameters()) * sizeof(float));
  }

  void open(OpenContext& ctx) override {
    reporter_ = &ctx.reporter();
    model_ = ctx.input("in").model;
    loss_ = ctx.input("in").loss;
  }

  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input("in");
    const std::uint32_t epoch = packet.header.epoch;
    if (epoch == 0 || packet.metrics->values.empty()) return;
    if (judge_.see(epoch, value_in(*packet.metrics)) && restores_) best_ = require_model(packet);
    if (judge_.decides()) ctx.stop_after(epoch);
    tell();
  }

  void save(StageState& state) const override {
    state.put(kJudged, std::as_bytes(std::span(&judge_.verdict(), 1)));
    state.put(kMetric, bytes_of(metric_));
    if (best_) state.put(kWeights, std::as_bytes(best_->weights()));
  }

  // A state of another metric, or without the weights that are wanted now, says nothing: another config has left it.
  void load(const StageState& state) override {
    const auto judged = state.get(kJudged), metric = state.get(kMetric);
    EpochJudge::Verdict verdict;
    if (judged.size() != sizeof verdict) throw mismatch(kJudged);
    std::memcpy(&verdict, judged.data(), sizeof verdict);
    if (!std::ranges::equal(metric, bytes_of(metric_))) return;
    if (restores_ && verdict.best_epoch != 0) {
      if (!state.entries().contains(kWeights)) return;
      best_ = snapshot_of(state.get(kWeights), static_cast<std::uint32_t>(verdict.best_epoch));
    }
    judge_.go_on_from(verdict);
    tell();
  }

  void close() noexcept override { best_.reset(); }

 private:
  void check_metric(InferContext& ctx) const {
    constexpr std::array kTimes{"seconds", "samples_per_second"};
    std::vector<std::string> names = ctx.measured("in");
    std::erase_if(names, [&](const std::string& name) { return std::ranges::find(kTimes, name) != kTimes.end(); });
    const std::string help = names.empty() ? std::string() : fmt::format("there are: {}", fmt::join(names, ", "));
    if (std::ranges::find(kTimes, metric_) != kTimes.end())
      return ctx.error(ErrorSite::param("metric"), "metric-is-a-time",
                       fmt::format("`{}` is a time: no run would end at the same epoch twice", metric_), help);
    if (!names.empty() && std::ranges::find(names, metric_) == names.end())
      ctx.error(ErrorSite::param("metric"), "unknown-metric", fmt::format("`in` does not tell a metric `{}`", metric_),
                help);
  }

  double value_in(const Metrics& metrics) const {
    if (const auto value = metrics.find(metric_)) return *value;
    std::vector<std::string> names;
    for (const auto& [name, value] : metrics.values) names.push_back(name);
    throw Error(ErrorKind::run, "unknown-metric", fmt::format("`in` does not tell a metric `{}`", metric_),
                fmt::format("there are: {}", fmt::join(names, ", ")));
  }

  static std::shared_ptr<const ModelSnapshot> require_model(const Packet& packet) {
    if (packet.model) return packet.model;
    throw Error(ErrorKind::run, "no-model-to-restore", "these metrics came without the model that they are of",
                "write `restore: last`");
  }

  static Error mismatch(const char* entry) {
    return {ErrorKind::data, "state-mismatch", fmt::format("state `{}` has not the size that it is saved with", entry),
            "load it into the graph that it was saved from"};
  }

  std::shared_ptr<const ModelSnapshot> snapshot_of(std::span<const std::byte> bytes, std::uint32_t epoch) const {
    std::vector<float> weights(static_cast<std::size_t>(model_->parameters()));
    if (bytes.size() != weights.size() * sizeof(float)) throw mismatch(kWeights);
    std::memcpy(weights.data(), bytes.data(), bytes.size());
    return std::make_shared<const ModelSnapshot>(model_, loss_, epoch, std::move(weights));
  }

  void tell() const {
    const EpochJudge::Verdict& verdict = judge_.verdict();
    reporter_->best_epoch({"in", metric_, static_cast<std::uint32_t>(verdict.best_epoch), verdict.best,
                           static_cast<std::uint32_t>(rule_.patience), static_cast<std::uint32_t>(verdict.decided_at),
                           best_});
  }

  std::string metric_;
  JudgeRule rule_;
  bool restores_;
  EpochJudge judge_;
  RunReporter* reporter_ = nullptr;
  std::shared_ptr<const ModelSpec> model_;
  Loss loss_{};
  std::shared_ptr<const ModelSnapshot> best_;
};

MILLRACE_REGISTER_STAGE("early_stop", EarlyStop);

}  // namespace
}  // namespace millrace::stages
