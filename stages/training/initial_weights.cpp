// Weights go into a step the way a saved state does: the step's own is taken, changed and given back, whatever device it is on.
#include "initial_weights.hpp"

#include "params/about_param.hpp"

#include <millrace/files/initial_weights.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace millrace::stages {
namespace {

constexpr const char* kParam = "init_from";
constexpr const char* kWeights = "weights";  ///< what TrainStep::save calls them

LayerMatches matches_in(const std::string& file, const ModelSpec& model) {
  InputFile input(file);
  return match_layers(read_safetensors_header(input), model);
}

}  // namespace

void infer_initial_weights(const std::string& file, const ModelSpec& model, InferContext& ctx) {
  ctx.reads_file(file);
  const LayerMatches matches = about(kParam, [&] { return matches_in(file, model); });
  const auto is_taken = [](const auto& match) { return match.second.empty(); };
  if (std::none_of(matches.begin(), matches.end(), is_taken))
    return ctx.error(
        ErrorSite::param(kParam), "init-unfit",
        fmt::format("no layer of the model is in {}: {}", file, matches.begin()->second),
        "its tensors have to be called `0.weight` [out, in] and `0.bias` as torch's Sequential calls them");
  for (const auto& [layer, why_not] : matches)
    if (!why_not.empty())
      ctx.warn(ErrorSite::param(kParam), "init-partial",
               fmt::format("layer {} begins with what the seed gives: in {} {}", layer, file, why_not),
               "expected where the end of a model is exchanged; else write the layers that the file has");
}

void load_initial_weights(const std::string& file, const ModelSpec& model, TrainStep& step) {
  StageState state;
  step.save(state);
  const auto own = state.get(kWeights);
  std::vector<std::byte> weights(own.begin(), own.end());
  about(kParam, [&] { read_layers(file, model, weights); });
  state.put(kWeights, weights);
  step.load(state);
}

}  // namespace millrace::stages
