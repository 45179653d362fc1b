// A model with what its file says of its use, from a run's folder, a checkpoint or an exported file.
#pragma once

#include <millrace/files/model_use.hpp>
#include <millrace/model.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::nn {

struct LoadedModel {
  std::string file;
  ModelUse use;
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<std::string> refused = {};  ///< checkpoints of the folder that should have been taken: a sentence each
};

/// `node`: a trainer; empty: the only one. Throws as the constructor of Predictor says.
LoadedModel load_model(const std::string& path, const std::string& node);

}  // namespace millrace::nn
