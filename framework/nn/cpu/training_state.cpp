#include "training_state.hpp"

#include <millrace/error.hpp>

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

}  // namespace

void save_training(StageState& state, std::span<const float> weights, const std::vector<float*>& optimizer,
                   std::uint64_t steps) {
  state.put("weights", std::as_bytes(weights));
  for (std::size_t i = 0; i < optimizer.size(); ++i)
    state.put("optimizer/" + std::to_string(i), std::as_bytes(std::span<const float>(optimizer[i], weights.size())));
  state.put("steps", std::as_bytes(std::span(&steps, 1)));
}

void load_training(const StageState& state, std::span<float> weights, const std::vector<float*>& optimizer,
                   std::uint64_t& steps) {
  read_state(state, "weights", std::as_writable_bytes(weights));
  for (std::size_t i = 0; i < optimizer.size(); ++i)
    read_state(state, "optimizer/" + std::to_string(i),
               std::as_writable_bytes(std::span(optimizer[i], weights.size())));
  read_state(state, "steps", std::as_writable_bytes(std::span(&steps, 1)));
}

}  // namespace millrace::cpu
