// Loss and last layer go together when the gradient of the pair is that of the loss.
#include "model_ends.hpp"

#include <fmt/format.h>

#include <optional>

namespace millrace::stages {

void check_loss(const ModelSpec& model, Loss loss, const std::string& last_path, InferContext& ctx) {
  const Activation activation = model.layers.back().activation;
  const std::optional<Activation> needed = needed_activation(loss);
  if (!needed || activation == *needed) return;
  ctx.error(ErrorSite::param("loss"), "loss-needs-activation",
            fmt::format("`{}` needs the last layer to be `{}`, it is `{}`", to_string(loss), to_string(*needed),
                        to_string(activation)),
            fmt::format("set `{}.dense.activation` to `{}`, or use the loss `mse`", last_path, to_string(*needed)));
}

void check_width(const TensorSpec& spec, const char* field, std::int64_t width, const char* end, InferContext& ctx) {
  if (elements_of(spec.row_shape) == width) return;
  ctx.error(ErrorSite::input("data"), "shape-mismatch",
            fmt::format("the model has {} {} a row, `{}` is {}", width, end, field, spec.describe()),
            "prepare these rows as those the model is trained on");
}

}  // namespace millrace::stages
