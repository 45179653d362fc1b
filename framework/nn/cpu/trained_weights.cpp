// A step takes the optimizer's coefficients once, then for each slab adds the l2 gradient and updates; the norm for clipping sums the slabs in
// their order, whichever thread was first.
#include "trained_weights.hpp"

#include "nn/cpu/kernels/elementwise.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace millrace::cpu {
namespace {

void read_state(const StageState& state, const std::string& name, std::span<std::byte> out) {
  const std::span<const std::byte> bytes = state.get(name);
  if (bytes.size() != out.size())
    throw Error(ErrorKind::data, "state-mismatch",
                "state `" + name + "` has " + std::to_string(bytes.size()) + " bytes, the model needs " +
                    std::to_string(out.size()),
                "load it into the model it was saved from");
  std::memcpy(out.data(), bytes.data(), bytes.size());
}

Error not_finite(const char* what, std::uint64_t step) {
  return {ErrorKind::diverged, "diverged", fmt::format("the {} of step {} is not finite", what, step),
          "lower the learning rate, clip the gradient (clip_norm) or check the range of the inputs"};
}

std::string state_name(std::size_t i) { return "optimizer/" + std::to_string(i); }

}  // namespace

TrainedWeightsLayout::TrainedWeightsLayout(const TrainSpec& spec, ScratchLayout& scratch)
    : weights(scratch.floats(spec.model->parameters())) {
  for (std::size_t i = 0; i < nn::Optimizer(spec.optimizer).initial_state().size(); ++i)
    state.push_back(scratch.floats(spec.model->parameters()));
}

TrainedWeights::TrainedWeights(const TrainSpec& spec, const TrainedWeightsLayout& layout, const Scratch& scratch)
    : spec_(spec), optimizer_(spec.optimizer), weights_(scratch.at<float>(layout.weights)) {
  const std::vector<float> initial = initial_weights(*spec.model, spec.seed);
  std::copy(initial.begin(), initial.end(), weights_);
  const std::vector<float> starts = optimizer_.initial_state();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    state_.push_back(scratch.at<float>(layout.state[i]));
    std::fill_n(state_.back(), size(), starts[i]);
  }
}

void TrainedWeights::begin_step() {
  coefficients_ = optimizer_.coefficients(++steps_);
  clip_factor_ = 1;
}

double TrainedWeights::penalty_of(const Slab& slab) const {
  const float l2 = spec_.model->layers[slab.layer].l2;
  if (l2 <= 0 || slab.is_bias) return 0;
  return static_cast<double>(l2) *
         sum_of_squares(weights_ + offset_of(*spec_.model, slab), weights_of(*spec_.model, slab));
}

SlabSums TrainedWeights::add_l2_gradient(const Slab& slab, float* gradient) const {
  SlabSums sums;
  const float l2 = spec_.model->layers[slab.layer].l2;
  const std::int64_t count = weights_of(*spec_.model, slab);
  if (l2 > 0 && !slab.is_bias) {
    sums.penalty = penalty_of(slab);
    cpu::add_l2_gradient(2.0F * l2, weights_ + offset_of(*spec_.model, slab), count, gradient);
  }
  if (needs_whole_gradient()) sums.gradient_squares = sum_of_squares(gradient, count);
  return sums;
}

void TrainedWeights::set_clip_factor(std::span<const SlabSums> all) {
  double squares = 0;
  for (const SlabSums& slab : all) squares += slab.gradient_squares;
  if (spec_.checks_gradient && !std::isfinite(squares)) throw not_finite("gradient", steps_--);
  const double norm = std::sqrt(squares), most = optimizer_.clip_norm();
  clip_factor_ = most > 0 && norm > most ? static_cast<float>(most / norm) : 1.0F;
}

void TrainedWeights::apply_update(const Slab& slab, float* gradient) {
  const std::int64_t offset = offset_of(*spec_.model, slab), count = weights_of(*spec_.model, slab);
  if (clip_factor_ != 1.0F) scale(clip_factor_, count, gradient);
  UpdateArrays arrays{weights_ + offset, gradient, {}};
  for (std::size_t i = 0; i < state_.size(); ++i) arrays.state[i] = state_[i] + offset;
  cpu::apply_update(optimizer_.rule(), coefficients_, count, arrays);
}

std::shared_ptr<const ModelSnapshot> TrainedWeights::snapshot(std::uint32_t epoch) const {
  return std::make_shared<const ModelSnapshot>(spec_.model, spec_.loss, epoch,
                                               std::vector<float>(weights_, weights_ + size()));
}

void TrainedWeights::save(StageState& state) const {
  state.put("weights", std::as_bytes(std::span<const float>(weights_, size())));
  for (std::size_t i = 0; i < state_.size(); ++i)
    state.put(state_name(i), std::as_bytes(std::span<const float>(state_[i], size())));
  state.put("steps", std::as_bytes(std::span(&steps_, 1)));
}

void TrainedWeights::load(const StageState& state) {
  read_state(state, "weights", std::as_writable_bytes(std::span(weights_, size())));
  for (std::size_t i = 0; i < state_.size(); ++i)
    read_state(state, state_name(i), std::as_writable_bytes(std::span(state_[i], size())));
  read_state(state, "steps", std::as_writable_bytes(std::span(&steps_, 1)));
}

void require_finite(double loss, std::uint64_t steps) {
  if (!std::isfinite(loss)) throw not_finite("loss", steps + 1);
}

}  // namespace millrace::cpu
