// The way of rows to the inputs of a model, in the graph that trains it: a slice, from the one output of a source to what evaluator or trainer take.
#pragma once

#include "slice.hpp"

#include <millrace/model.hpp>
#include <millrace/tensor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A checked graph with what it was made of.
struct WholeGraph {
  const GraphSpec& spec;
  const ValidatedGraph& graph;
  const StageRegistry& registry;
};

/// A node that the rows come through, and what a row is in front of it and behind it.
struct RowNode {
  const ValidatedNode* node = nullptr;
  TensorSpec in, out;
};

struct ModelRows {
  std::string trainer;
  std::string end;  ///< an evaluator of the model, whose rows are prepared as in use; without one the trainer
  std::vector<std::string> other_ends = {};  ///< evaluators of the model that come after that one
  OutputName data;                           ///< what evaluator or trainer takes
  std::int64_t batch_rows = 1;               ///< of a batch there but for the last
  OutputName source;                         ///< where the rows come from
  TensorSpec rows;                           ///< as they are there
  std::vector<RowNode> nodes;                ///< from the source on; those of the graph
  std::shared_ptr<const ModelSpec> model;
  Loss loss = Loss::mse;
  ClassNames classes;  ///< what the outputs are called; may be empty

  bool is_of_validation() const { return end != trainer; }
};

/// The trainer called `wanted`; with an empty name, the only one. Throws Error of kind usage: several-models, unknown-model, no-model.
const ValidatedNode& trainer_of(const ValidatedGraph& graph, const std::string& wanted);
std::vector<std::string> trainers_of(const ValidatedGraph& graph);

/// The way to the model of such a trainer. Throws Error of kind usage too: no-way (the inputs come from several outputs of sources, or of none, or a node
/// makes them of several inputs).
ModelRows model_rows(const WholeGraph& whole, const std::string& trainer);

/// Each trainer's, where its inputs come in a record and it says which model it trains; without source and way where model_rows would say no-way.
std::vector<ModelRows> rows_of_each_model(const WholeGraph& whole);

/// What the outputs of a trainer's model are called, as its targets have it; may be empty. Of any way that the rows come.
ClassNames class_names(const WholeGraph& whole, const std::string& trainer);

/// What stands at the end of such a slice, in place of evaluator or trainer: f32 [n, outputs]. Its name and that of its model are names that no config can have.
OutputName predictions();
inline constexpr const char* kModelNode = "(model)";
/// The node that gives them, without its model.
NodeSpec predictor_node(const GraphSpec& spec, const ModelRows& rows);
/// A node that `text` of the command line has brought in, so that its errors point there.
NodeSpec added_node(const std::string& name, const std::string& stage, const std::string& argument,
                    const std::string& text);

}  // namespace millrace::pipelines
