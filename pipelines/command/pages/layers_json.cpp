// What a layer is called and how wide it is: its weights are elsewhere.
#include "layers_json.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {

nlohmann::ordered_json layers_json(const ModelSpec& model) {
  auto layers = nlohmann::ordered_json::array();
  for (const LayerSpec& layer : model.layers) {
    layers.push_back({{"layer", layer.name()},
                      {"outputs", layer.outputs},
                      {"activation", to_string(layer.activation)},
                      {"parameters", layer.parameters()}});
    if (layer.is_frozen) layers.back()["frozen"] = true;
  }
  return layers;
}

}  // namespace millrace::pipelines
