// The layers of a model whose weights training leaves as they are.
#pragma once

#include <millrace/model.hpp>
#include <millrace/stage.hpp>

namespace millrace::stages {

/// The parameter `freeze`: numbers of layers, as a checkpoint has them in the names of its tensors.
Param freeze_param();

/// Marks them in `model`. Errors: unknown-layer, all-frozen; a warning for a number that has no weights, freeze-no-weights.
void freeze_layers(const ParamValue& freeze, ModelSpec& model, InferContext& ctx);

}  // namespace millrace::stages
