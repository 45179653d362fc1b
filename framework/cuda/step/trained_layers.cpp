// Layers lie one behind the other in the padded buffer, so that a run of them is one range.
#include "cuda/step/trained_layers.hpp"

namespace millrace::cuda {

std::vector<FloatRange> trained_ranges(const StepLayout& layout, const ModelSpec& model) {
  const std::vector<PaddedLayer>& all = layout.padded_weights.layers();
  const auto begin_of = [&](std::size_t i) { return i < all.size() ? all[i].kernel : layout.padded_weights.size(); };
  std::vector<FloatRange> ranges;
  for (std::size_t first = 0; first < all.size(); ++first) {
    std::size_t end = first;
    while (end < all.size() && !model.layers[all[end].layer].is_frozen) ++end;
    if (end > first) ranges.push_back({first == 0 ? 0 : begin_of(first), begin_of(end)});
    first = end;
  }
  return ranges;
}

bool trains_up_to(const ModelSpec& model, std::size_t layer) {
  for (std::size_t i = 0; i <= layer; ++i)
    if (model.layers[i].kind == LayerKind::dense && !model.layers[i].is_frozen) return true;
  return false;
}

std::vector<nn::GradientBucket> gradient_pieces(const StepDemand& demand, const StepLayout& layout) {
  std::vector<std::int64_t> starts(demand.model->layers.size());
  std::int64_t next = layout.padded_weights.size();
  for (std::size_t i = starts.size(); i-- > 0;) {
    if (demand.model->layers[i].kind == LayerKind::dense) next = layout.padded_weights.of(i).kernel;
    starts[i] = next;
  }
  return nn::gradient_buckets(starts, layout.padded_weights.size());
}

}  // namespace millrace::cuda
