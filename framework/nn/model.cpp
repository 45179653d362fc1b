// ModelSpec: a checked list of layers becomes a stack with widths and offsets; where its weights start.
#include "initializers.hpp"
#include "losses.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace millrace {
namespace {

/// A list is in the order of its enumeration, so a place in it is a value of that.
template <class Kind, class... Types>
constexpr bool is_in_order(nn::TypeList<Types...> /*types*/) {
  std::size_t at = 0;
  return ((Types::kKind == static_cast<Kind>(at++)) && ...);
}
static_assert(is_in_order<Activation>(nn::Activations()) && is_in_order<Loss>(nn::Losses()));

/// The struct of this name as a value of its enumeration; nothing when there is none.
template <class Kind, class Types>
std::optional<Kind> kind_named(std::string_view name, Types types) {
  std::optional<Kind> found;
  nn::for_each_type(types, [&](auto tag) {
    if (name == decltype(tag)::Type::kName) found = decltype(tag)::Type::kKind;
  });
  return found;
}

constexpr std::string_view kPrecisions[] = {"float32", "tf32", "bf16"};

Activation activation_from(const std::string& name) {
  if (const auto found = kind_named<Activation>(name, nn::Activations())) return *found;
  throw Error(ErrorKind::run, "unknown-activation", "there is no activation `" + name + "`");
}

LayerSpec dense_layer(const ParamValue& params) {
  LayerSpec layer;
  layer.outputs = params["units"].integer();
  layer.activation = activation_from(params["activation"].text());
  layer.use_bias = params["use_bias"].boolean();
  layer.l2 = static_cast<float>(params["l2"].number());
  layer.kernel_initializer = params["kernel_initializer"];
  layer.bias_initializer = params["bias_initializer"];
  return layer;
}

LayerSpec dropout_layer(const ParamValue& params, std::int64_t inputs) {
  LayerSpec layer;
  layer.kind = LayerKind::dropout;
  layer.outputs = inputs;
  layer.rate = static_cast<float>(params["rate"].number());
  return layer;
}

void check_initializer(const ParamValue& initializer, InferContext& ctx, const std::string& at) {
  if (initializer.is_null() || initializer.alternative() != "random_uniform") return;
  const ParamValue& bounds = initializer.alternative_params();
  if (bounds["minval"].number() < bounds["maxval"].number()) return;
  ctx.error(ErrorSite::param(at + ".random_uniform.minval"), "empty-range",
            fmt::format("`minval` is {} and `maxval` is {}", bounds["minval"].render(), bounds["maxval"].render()),
            "`minval` must be below `maxval`");
}

bool is_only_last(Activation activation) {
  return nn::visit(activation, [](auto tag) { return decltype(tag)::Type::kOnlyLast; });
}

/// Where the stack as a whole cannot be trained: reported at the layer that is to blame.
void check_order(const ModelSpec& model, InferContext& ctx, const std::string& path) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerSpec& layer = model.layers[i];
    const std::string at = path + "." + std::to_string(i) + "." + std::string(layer.name());
    const bool last = i + 1 == model.layers.size();
    check_initializer(layer.kernel_initializer, ctx, at + ".kernel_initializer");
    check_initializer(layer.bias_initializer, ctx, at + ".bias_initializer");
    if (!last && is_only_last(layer.activation))
      ctx.error(ErrorSite::param(at + ".activation"), "softmax-not-last",
                fmt::format("{} stands before the last layer", to_string(layer.activation)),
                fmt::format("{} makes probabilities of the outputs; use relu, tanh or sigmoid in between",
                            to_string(layer.activation)));
    if (last && layer.kind == LayerKind::dropout)
      ctx.error(ErrorSite::param(at), "dropout-last",
                "the last layer is a dropout, so outputs would be zeroed at random",
                "put the dropout before the last dense layer");
  }
}

}  // namespace

std::string_view to_string(Activation activation) {
  return nn::visit(activation, [](auto tag) { return std::string_view(decltype(tag)::Type::kName); });
}
std::string_view to_string(Loss loss) {
  return nn::visit(loss, [](auto tag) { return std::string_view(decltype(tag)::Type::kName); });
}
bool gives_probabilities(Activation activation) {
  return nn::visit(activation, [](auto tag) { return decltype(tag)::Type::kGivesProbabilities; });
}
std::string_view to_string(LayerKind kind) { return kind == LayerKind::dense ? "dense" : "dropout"; }

std::string_view to_string(Precision precision) { return kPrecisions[static_cast<std::size_t>(precision)]; }

Precision precision_from(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kPrecisions); ++i)
    if (name == kPrecisions[i]) return static_cast<Precision>(i);
  throw Error(ErrorKind::run, "unknown-precision", "there is no precision `" + std::string(name) + "`");
}

Loss loss_from(std::string_view name) {
  if (const auto found = kind_named<Loss>(name, nn::Losses())) return *found;
  throw Error(ErrorKind::run, "unknown-loss", "there is no loss `" + std::string(name) + "`");
}

std::optional<Activation> needed_activation(Loss loss) {
  return nn::visit(loss, [](auto tag) -> std::optional<Activation> {
    using L = typename decltype(tag)::Type;
    return L::kNeedsActivation ? std::optional(L::kActivation) : std::nullopt;
  });
}

std::int64_t LayerSpec::parameters() const {
  if (kind == LayerKind::dropout) return 0;
  return inputs * outputs + (use_bias ? outputs : 0);
}

std::int64_t ModelSpec::outputs() const { return layers.empty() ? inputs : layers.back().outputs; }

std::int64_t ModelSpec::parameters() const {
  std::int64_t sum = 0;
  for (const LayerSpec& layer : layers) sum += layer.parameters();
  return sum;
}

std::int64_t ModelSpec::trainable_parameters() const {
  std::int64_t sum = 0;
  for (const LayerSpec& layer : layers) sum += layer.is_frozen ? 0 : layer.parameters();
  return sum;
}

ModelSpec build_model(const ParamValue& layers, std::int64_t inputs, InferContext& ctx, const std::string& path) {
  ModelSpec model;
  model.inputs = inputs;
  std::int64_t width = inputs, offset = 0;
  for (const ParamValue& item : layers.list()) {
    const bool dense = item.alternative() == "dense";
    LayerSpec layer = dense ? dense_layer(item.alternative_params()) : dropout_layer(item.alternative_params(), width);
    layer.inputs = width;
    layer.kernel_offset = offset;
    layer.bias_offset = offset + (dense ? layer.inputs * layer.outputs : 0);
    offset += layer.parameters();
    width = layer.outputs;
    model.layers.push_back(std::move(layer));
  }
  check_order(model, ctx, path);
  return model;
}

std::vector<float> initial_weights(const ModelSpec& model, std::uint64_t seed) {
  std::vector<float> weights(static_cast<std::size_t>(model.parameters()));
  const std::span<float> all(weights);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerSpec& layer = model.layers[i];
    if (layer.kind != LayerKind::dense) continue;
    const std::string purpose = "init/" + std::to_string(i);
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    const auto kernel = static_cast<std::size_t>(layer.inputs * layer.outputs);
    nn::fill_initial(layer.kernel_initializer, {layer.inputs, layer.outputs}, Random(seed, purpose + "/kernel"),
                     all.subspan(static_cast<std::size_t>(layer.kernel_offset), kernel));
    if (layer.use_bias)
      nn::fill_initial(layer.bias_initializer, {layer.outputs, layer.outputs}, Random(seed, purpose + "/bias"),
                       all.subspan(static_cast<std::size_t>(layer.bias_offset), outputs));
  }
  return weights;
}

}  // namespace millrace
