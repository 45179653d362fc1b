// The step that failed has changed nothing, so that leaving it out is all that skipping takes; going back loads a copy.
#include "recovery.hpp"

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <string_view>

namespace millrace::stages {
namespace {

constexpr const char *kParam = "on_nan", *kEntry = "recovery";
constexpr std::string_view kLast = "rollback.";
constexpr std::uint64_t kMostInARow = 100, kMostRollbacks = 3;
constexpr const char *kSkipped = "skipped_steps", *kRollbacks = "rollbacks", *kFactor = "learning_rate_factor";
constexpr const char* kHelp = "lower the learning rate, clip the gradient (clip_norm) or check the data";

}  // namespace

Param Recovery::param() {
  return Param(
             kParam, ParamType::choice({"stop", "skip", "rollback"}),
             "Where a loss or gradient is not finite: stop; leave the step out; or go back to the weights of the last "
             "epoch's end, with half the learning rate.")
      .or_default("stop");
}

Recovery::Kind Recovery::kind_from(const std::string& name) {
  return name == "skip" ? Kind::skip : name == "rollback" ? Kind::rollback : Kind::stop;
}

// A device that works asynchronously tells it some steps later, at another one in each run.
void Recovery::infer(Kind kind, const TrainSpec& spec, InferContext& ctx) {
  if (kind == Kind::stop) return;
  if (ctx.device().kind != "cpu")
    return ctx.error(ErrorSite::param(kParam), "on-nan-device",
                     fmt::format("{} hears of a loss that is not finite some steps too late to go on from there",
                                 to_string(ctx.device())),
                     "use `on_nan: stop`, or train on the CPU: --set device=cpu");
  const auto floats = static_cast<std::size_t>(spec.model->parameters()) * (1 + optimizer_slots(spec.optimizer).size());
  if (kind == Kind::rollback) ctx.uses_memory("state to go back to", floats * sizeof(float));
}

void Recovery::open(TrainStep& step, RunReporter& reporter) {
  step_ = &step;
  reporter_ = &reporter;
  remember();
}

void Recovery::remember() {
  if (kind_ != Kind::rollback) return;
  last_ = {};
  step_->save(last_);
}

void Recovery::begin_epoch() { counts_.done = counts_.left_out = 0; }

void Recovery::step_done() {
  is_in_epoch_ = true;
  ++counts_.done;
  counts_.in_a_row = 0;
}

bool Recovery::goes_on(const Error& error, const std::string& data, std::uint32_t epoch, std::int64_t batch) {
  if (kind_ == Kind::stop) return false;
  is_in_epoch_ = true;
  ++counts_.left_out;
  ++counts_.in_a_row;
  const std::string where =
      fmt::format("epoch {}, batch {}: {}{}", epoch, batch, error.message(), data.empty() ? "" : ": " + data);
  if (kind_ == Kind::skip) {
    if (counts_.in_a_row >= kMostInARow) return false;
    reporter_->warn("step-skipped", where + "; the step was left out", kHelp);
    return true;
  }
  if (counts_.rollbacks >= kMostRollbacks) return false;
  ++counts_.rollbacks;
  counts_.rate_factor /= 2;
  step_->load(last_);
  step_->scale_learning_rate(counts_.rate_factor);
  reporter_->warn("rolled-back",
                  fmt::format("{}; training went on from the end of epoch {} with {} times the learning rate", where,
                              epoch - 1, counts_.rate_factor),
                  kHelp);
  return true;
}

void Recovery::end_epoch(std::uint32_t epoch) {
  if (kind_ == Kind::stop || epoch == 0) return;
  if (counts_.done == 0 && counts_.left_out > 0)
    throw Error(ErrorKind::diverged, "diverged",
                fmt::format("no step of epoch {} had a finite loss and gradient", epoch), kHelp);
  is_in_epoch_ = false;
  remember();
}

std::vector<std::string> Recovery::metric_names() const {
  if (kind_ == Kind::skip) return {kSkipped};
  if (kind_ == Kind::rollback) return {kRollbacks, kFactor};
  return {};
}

void Recovery::add_to(Metrics& metrics) const {
  if (kind_ == Kind::skip) metrics.set(kSkipped, static_cast<double>(counts_.left_out));
  if (kind_ != Kind::rollback) return;
  metrics.set(kRollbacks, static_cast<double>(counts_.left_out));
  metrics.set(kFactor, counts_.rate_factor);
}

// At the end of an epoch the state to go back to is the one that is saved beside this.
void Recovery::save(StageState& state) const {
  if (kind_ == Kind::stop) return;
  state.put(kEntry, std::as_bytes(std::span(&counts_, 1)));
  if (!is_in_epoch_) return;
  for (const auto& [name, value] : last_.entries()) state.put(std::string(kLast) + name, value);
}

void Recovery::load(const StageState& state) {
  if (kind_ == Kind::stop) return;
  remember();
  const auto saved = state.entries().find(kEntry);
  if (saved == state.entries().end()) return;
  if (saved->second.size() != sizeof counts_)
    throw Error(ErrorKind::data, "state-mismatch", fmt::format("state `{}` has not the size of one", kEntry),
                "load it into the version of Millrace that has saved it");
  std::memcpy(&counts_, saved->second.data(), sizeof counts_);
  step_->scale_learning_rate(counts_.rate_factor);
  if (kind_ != Kind::rollback) return;
  for (const auto& [name, value] : state.entries()) {
    if (!name.starts_with(kLast)) continue;
    last_.put(name.substr(kLast.size()), value);
    is_in_epoch_ = true;
  }
}

}  // namespace millrace::stages
