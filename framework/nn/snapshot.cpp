// ModelSnapshot, and the hash by which two trainings are compared.
#include <millrace/digest.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <utility>

namespace millrace {

static_assert(std::endian::native == std::endian::little, "weights are hashed and saved as they lie in memory");

namespace {

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

ModelSnapshot::ModelSnapshot(std::shared_ptr<const ModelSpec> model, Loss loss, std::uint32_t epoch,
                             std::vector<float> weights)
    : model_(std::move(model)), loss_(loss), epoch_(epoch), weights_(std::move(weights)), identity_(next_identity()) {}

std::string ModelSnapshot::not_finite() const {
  for (std::size_t i = 0; i < model_->layers.size(); ++i) {
    const LayerSpec& layer = model_->layers[i];
    if (layer.parameters() == 0) continue;
    const auto of_layer = std::span(weights_).subspan(static_cast<std::size_t>(layer.kernel_offset),
                                                      static_cast<std::size_t>(layer.parameters()));
    const auto found = std::find_if_not(of_layer.begin(), of_layer.end(), [](float w) { return std::isfinite(w); });
    if (found == of_layer.end()) continue;
    const bool is_bias = found - of_layer.begin() >= layer.inputs * layer.outputs;
    return fmt::format("the {} of layer {} ({})", is_bias ? "bias" : "kernel", i, layer.name());
  }
  return {};
}

std::string ModelSnapshot::weights_sha256() const { return sha256_hex(std::as_bytes(std::span(weights_))); }

}  // namespace millrace
