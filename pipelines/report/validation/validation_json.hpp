// validation.json: what the newest model of a run makes of its validation rows, as it is kept. Format 1; keys are only ever added.
#pragma once

#include "validation.hpp"

#include <nlohmann/json_fwd.hpp>

#include <vector>

namespace millrace::pipelines {

nlohmann::ordered_json validation_json(const std::vector<Validation>& models);
/// Another program may have written it: what is not as expected is left out, so that whoever reads on may rely on places of classes being there.
std::vector<Validation> read_validation(const nlohmann::ordered_json& object);

}  // namespace millrace::pipelines
