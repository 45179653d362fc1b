// What a training step on the CPU saves: weights, optimizer state and step counter, by name.
#pragma once

#include <millrace/stage.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::cpu {

/// `optimizer`: arrays as long as `weights`.
void save_training(StageState& state, std::span<const float> weights, const std::vector<float*>& optimizer,
                   std::uint64_t steps);
/// Throws Error("no-such-state" | "state-mismatch", data).
void load_training(const StageState& state, std::span<float> weights, const std::vector<float*>& optimizer,
                   std::uint64_t& steps);

}  // namespace millrace::cpu
