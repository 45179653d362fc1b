// The way from rows of a file to what a model makes of them, in the graph of a run.
#pragma once

#include "command/loading/checked_config.hpp"
#include "slice/slice.hpp"

#include <millrace/model.hpp>
#include <millrace/tensor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// How rows come to the inputs of a model: as validation data does where there is any, else as the data it is trained on.
struct PredictionWay {
  std::string trainer;
  std::string end;  ///< the evaluator, or the trainer
  OutputName data;  ///< what evaluator or trainer takes
  OutputName
      source;  ///< whose rows those of a file stand for; empty where the rows come from several outputs of sources, or of none
  std::shared_ptr<const ModelSpec> model;
  Loss loss{};
  ClassNames classes;  ///< what its outputs are called; may be empty

  bool is_of_validation() const { return end != trainer; }
};

/// The way to the model of node `trainer`; with an empty name, to the only one. Throws Error of kind usage: several-models, unknown-model, no-model,
/// no-way (the rows come from several outputs of sources, or of none).
PredictionWay prediction_way(const CheckedConfig& checked, const std::string& trainer);

/// The same for each trainer, whether one file could stand for its rows or not. A trainer whose inputs do not come in a record, or that does not say which model
/// it trains, has none.
std::vector<PredictionWay> prediction_ways(const CheckedConfig& checked);

/// The nodes to be added to a slice that predicts with the model of `checkpoint`; what they give is predictions(). The rows are those of the way's own source.
std::vector<NodeSpec> predicting_nodes(const CheckedConfig& checked, const PredictionWay& way,
                                       const std::string& checkpoint);

/// The slice that predicts the rows of `file` with the model of `checkpoint`; what is captured is predictions(). Throws Error("wrong-rows", data): they are other
/// than those that the way takes.
ValidatedGraph prediction_slice(const CheckedConfig& checked, const PredictionWay& way, const std::string& checkpoint,
                                const std::string& file, Diagnostics& diagnostics);
/// f32 [n, outputs].
OutputName predictions();

}  // namespace millrace::pipelines
