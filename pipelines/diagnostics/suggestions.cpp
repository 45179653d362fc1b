// People come from Keras and PyTorch: their spellings are not close in letters, so they are listed.
#include "suggestions.hpp"

#include <millrace/registry.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace millrace::pipelines {
namespace {

using Spelling = std::pair<std::string_view, std::string_view>;  // elsewhere -> here

constexpr std::array kSpellings{
    // stages
    Spelling{"to_categorical", "one_hot"},
    Spelling{"onehot", "one_hot"},
    Spelling{"categorical", "one_hot"},
    Spelling{"category_encoding", "one_hot"},
    Spelling{"one_hot_encoding", "one_hot"},
    Spelling{"label_binarizer", "one_hot"},
    Spelling{"rescaling", "normalize"},
    Spelling{"rescale", "normalize"},
    Spelling{"normalization", "normalize"},
    Spelling{"normalise", "normalize"},
    Spelling{"scaler", "normalize"},
    Spelling{"reshape", "flatten"},
    Spelling{"batch", "batcher"},
    Spelling{"batch", "batch_size"},
    Spelling{"dataloader", "batcher"},
    Spelling{"data_loader", "idx_loader"},
    Spelling{"mnist", "idx_loader"},
    Spelling{"loader", "idx_loader"},
    Spelling{"dataset", "idx_loader"},
    Spelling{"fit", "trainer"},
    Spelling{"train", "trainer"},
    Spelling{"training", "trainer"},
    Spelling{"validate", "evaluator"},
    Spelling{"evaluate", "evaluator"},
    Spelling{"validator", "evaluator"},
    Spelling{"to_device", "transfer"},
    Spelling{"copy", "transfer"},
    Spelling{"cuda", "transfer"},
    Spelling{"logger", "metrics_sink"},
    Spelling{"history", "metrics_sink"},
    Spelling{"csv_logger", "metrics_sink"},
    Spelling{"table", "table_source"},
    // parameters
    Spelling{"lr", "learning_rate"},
    Spelling{"eta", "learning_rate"},
    Spelling{"alpha", "rho"},
    Spelling{"decay", "rho"},
    Spelling{"eps", "epsilon"},
    Spelling{"beta1", "beta_1"},
    Spelling{"beta2", "beta_2"},
    Spelling{"betas", "beta_1"},
    Spelling{"num_classes", "classes"},
    Spelling{"n_classes", "classes"},
    Spelling{"depth", "classes"},
    Spelling{"bs", "batch_size"},
    Spelling{"batchsize", "batch_size"},
    Spelling{"max_epochs", "epochs"},
    Spelling{"num_epochs", "epochs"},
    Spelling{"n_epochs", "epochs"},
    Spelling{"workers", "threads"},
    Spelling{"num_workers", "threads"},
    Spelling{"random_seed", "seed"},
    Spelling{"size", "batch_size"},
    Spelling{"minibatch", "batch_size"},
    Spelling{"out_features", "units"},
    Spelling{"neurons", "units"},
    Spelling{"width", "units"},
    Spelling{"nonlinearity", "activation"},
    Spelling{"act", "activation"},
    Spelling{"bias", "use_bias"},
    Spelling{"weight_decay", "l2"},
    Spelling{"kernel_regularizer", "l2"},
    Spelling{"layers", "model"},
    Spelling{"network", "model"},
    Spelling{"loss_function", "loss"},
    Spelling{"criterion", "loss"},
    Spelling{"optim", "optimizer"},
    Spelling{"optimiser", "optimizer"},
    Spelling{"p", "rate"},
    Spelling{"drop_probability", "rate"},
    Spelling{"clipnorm", "clip_norm"},
    Spelling{"subset", "split"},
    Spelling{"factor", "scale"},
    // layers, losses, optimizers, metrics
    Spelling{"linear", "dense"},
    Spelling{"fully_connected", "dense"},
    Spelling{"fc", "dense"},
    Spelling{"cross_entropy", "categorical_crossentropy"},
    Spelling{"crossentropy", "categorical_crossentropy"},
    Spelling{"sparse_categorical_crossentropy", "categorical_crossentropy"},
    Spelling{"bce", "binary_crossentropy"},
    Spelling{"mean_squared_error", "mse"},
    Spelling{"mean_absolute_error", "mae"},
    Spelling{"acc", "accuracy"},
    Spelling{"categorical_accuracy", "accuracy"},
    Spelling{"logistic", "sigmoid"},
    Spelling{"rms_prop", "rmsprop"},
    Spelling{"none", "linear"},
    Spelling{"identity", "linear"},
    Spelling{"val", "test"},
    Spelling{"validation", "test"},
    Spelling{"fashion", "fashion_mnist"},
    // keys of the config
    Spelling{"nodes", "graph"},
    Spelling{"pipeline", "graph"},
    Spelling{"stages", "graph"},
    Spelling{"params", "with"},
    Spelling{"parameters", "with"},
    Spelling{"args", "with"},
    Spelling{"config", "with"},
    Spelling{"inputs", "in"},
    Spelling{"input", "in"},
    Spelling{"from", "in"},
    Spelling{"type", "stage"},
    Spelling{"kind", "stage"},
    Spelling{"op", "stage"},
    Spelling{"include", "extends"},
    Spelling{"base", "extends"},
    Spelling{"inherits", "extends"},
    Spelling{"workers", "threads"},
    Spelling{"num_workers", "threads"},
    Spelling{"random_seed", "seed"},
    Spelling{"num_epochs", "epochs"},
    Spelling{"max_epochs", "epochs"},
    Spelling{"gpu", "cuda"},
    Spelling{"budget", "run"},
    Spelling{"queue", "blocks"},
    Spelling{"prefetch", "blocks"},
    Spelling{"prefetch", "run"},
};

// What other tools have and Millrace has not, or has somewhere else.
constexpr std::array kElsewhere{
    Spelling{"early_stopping", "there is no early stopping: a run trains as many epochs as `epochs` says"},
    Spelling{"patience", "there is no early stopping: a run trains as many epochs as `epochs` says"},
    Spelling{"callbacks", "there are no callbacks: what a run does is in its graph"},
    Spelling{"lr_scheduler", "there are no schedules: `learning_rate` is constant"},
    Spelling{"scheduler", "there are no schedules: `learning_rate` is constant"},
    Spelling{"lr_schedule", "there are no schedules: `learning_rate` is constant"},
    Spelling{"learning_rate_schedule", "there are no schedules: `learning_rate` is constant"},
    Spelling{"reduce_lr_on_plateau", "there are no schedules: `learning_rate` is constant"},
    Spelling{"warmup", "there are no schedules: `learning_rate` is constant"},
    Spelling{"csv",
             "there is no reader of CSV: write IDX files for `idx_loader`, or a short table into `table_source`"},
    Spelling{"csv_source",
             "there is no reader of CSV: write IDX files for `idx_loader`, or a short table into `table_source`"},
    Spelling{"csv_loader",
             "there is no reader of CSV: write IDX files for `idx_loader`, or a short table into `table_source`"},
    Spelling{"csv_reader",
             "there is no reader of CSV: write IDX files for `idx_loader`, or a short table into `table_source`"},
    Spelling{"read_csv",
             "there is no reader of CSV: write IDX files for `idx_loader`, or a short table into `table_source`"},
    Spelling{"parquet", "there is no reader of Parquet: write IDX files for `idx_loader`"},
    Spelling{"image_folder", "`image_folder` is a plugin: examples/image_folder builds it"},
    Spelling{"precision", "of each class: the plugin of examples/class_csv writes recall and precision"},
    Spelling{"recall", "of each class: the plugin of examples/class_csv writes recall and precision"},
    Spelling{"auc", "areas under curves are not measured"},
    Spelling{"f1", "the plugin of examples/class_csv writes recall and precision, of which it is made"},
    Spelling{"f1_score", "the plugin of examples/class_csv writes recall and precision, of which it is made"},
    Spelling{"dense", "layers stand in the list `model` of a `trainer`: model: [dense: {units: 10}]"},
    Spelling{"dropout", "layers stand in the list `model` of a `trainer`: model: [dropout: {rate: 0.5}]"},
    Spelling{"sequential", "a model is the list `model` of a `trainer`: model: [dense: {units: 10}]"},
    Spelling{"conv2d", "there are the layers `dense` and `dropout`"},
    Spelling{"batch_norm", "there are the layers `dense` and `dropout`"},
    Spelling{"batch_normalization", "there are the layers `dense` and `dropout`"},
    Spelling{"gelu", "this activation is not there"},
    Spelling{"elu", "this activation is not there"},
    Spelling{"selu", "this activation is not there"},
    Spelling{"silu", "this activation is not there"},
    Spelling{"swish", "this activation is not there"},
    Spelling{"leaky_relu", "this activation is not there"},
    Spelling{"embedding", "there are the layers `dense` and `dropout`"},
    Spelling{"lstm", "there are the layers `dense` and `dropout`"},
    Spelling{"adamw", "there is no decay of weights beside the loss: `l2` of a layer adds to the loss"},
    Spelling{"predict",
             "pipeline-run predict RUN FILE tells what a run's model makes of a file; in a graph a `predictor` does"},
    Spelling{"inference",
             "pipeline-run predict RUN FILE tells what a run's model makes of a file; in a graph a `predictor` does"},
    Spelling{"save",
             "a run keeps its weights in checkpoints; `pipeline-run export last -o model.onnx` writes them for other "
             "programs"},
    Spelling{"export",
             "a run keeps its weights in checkpoints; `pipeline-run export last -o model.onnx` writes them for other "
             "programs"},
    Spelling{"checkpoint",
             "a run keeps its weights in checkpoints; `pipeline-run export last -o model.onnx` writes them for other "
             "programs"},
    Spelling{"resume", "`pipeline-run resume last` goes on with a run"},
    Spelling{"load",
             "`pipeline-run resume last` goes on with a run; the stage `saved_model` brings a model into a graph"},
    Spelling{"restore",
             "`pipeline-run resume last` goes on with a run; the stage `saved_model` brings a model into a graph"},
};

// "CategoricalCrossentropy" and "batch-size" as they would be spelled here.
std::string in_our_spelling(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    const bool hump = std::isupper(c) != 0 && i > 0 && std::islower(static_cast<unsigned char>(name[i - 1])) != 0;
    if (hump) out += '_';
    out += name[i] == '-' || name[i] == ' ' ? '_' : static_cast<char>(std::tolower(c));
  }
  return out;
}

}  // namespace

std::string said_of(std::string_view name) {
  if (name.size() > 64) return {};
  const std::string ours = in_our_spelling(name);
  const auto found =
      std::find_if(kElsewhere.begin(), kElsewhere.end(), [&](const Spelling& s) { return s.first == ours; });
  return found == kElsewhere.end() ? std::string() : std::string(found->second);
}

namespace {

std::vector<std::string> names_meant(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > 64) return {};
  const auto is_known = [&](std::string_view n) { return std::find(known.begin(), known.end(), n) != known.end(); };
  const std::string ours = in_our_spelling(name);
  if (ours != name && is_known(ours)) return {ours};
  std::vector<std::string> found;
  for (const auto& [elsewhere, here] : kSpellings)
    if (elsewhere == ours && is_known(here)) found.emplace_back(here);
  // What is known from elsewhere has been spelled right: `gelu` is no slip for `relu`.
  return found.empty() && said_of(name).empty() ? close_names(ours, known) : found;
}

}  // namespace

std::string meant_by(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string> found = names_meant(name, known);
  return found.empty() ? "" : found.front();
}

std::string suggestion(const std::vector<std::string>& meant) {
  return meant.empty() ? std::string() : fmt::format("did you mean `{}`?", fmt::join(meant, "` or `"));
}

std::string with_list(const std::string& suggested, std::string_view list_title,
                      const std::vector<std::string>& known) {
  const std::string list = fmt::format("{}: {}", list_title, name_list(known));
  return suggested.empty() ? list : fmt::format("{}  ({})", suggested, list);
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string> meant = names_meant(name, known);
  const std::string text = suggestion(meant);
  const bool is_only_spelled_otherwise = meant == std::vector<std::string>{in_our_spelling(name)};
  const std::string said = is_only_spelled_otherwise ? "" : said_of(name);
  return said.empty() || text.empty() ? said + text : fmt::format("{}; {}", said, text);
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known, std::string_view list_title) {
  return with_list(did_you_mean(name, known), list_title, known);
}

std::string name_list(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 20;
  if (names.empty()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i == 0 ? "" : ", ") + (names[i].empty() ? "\"\"" : names[i]);
  return names.size() > kMost ? text + ", ..." : text;
}

}  // namespace millrace::pipelines
