// An accuracy is compared to half a row: the metric is a mean of the same ones and zeros.
#include "validation_notes.hpp"

#include "diagnostics/quantity_text.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace millrace::pipelines {

std::string validation_missing(const RunRecord& record) {
  const bool has_measured = std::any_of(record.curves.begin(), record.curves.end(),
                                        [](const Curve& curve) { return is_validation(curve.name); });
  if (!record.validations.empty() || !has_measured || record.status == "running") return {};
  if (record.status == "finished") return "Left out: the run ended before its validation rows were judged.";
  return fmt::format("Left out: only a run that has finished is judged row by row, and this one is {}.", record.status);
}

std::string validation_head(const Validation& model) {
  if (!model.left_out.empty()) return fmt::format("{}: left out: {}", model.node, model.left_out);
  std::string text = fmt::format("{}, checkpoint of epoch {}: ", model.node, model.epoch);
  if (model.classes.empty()) return text + counted(model.rows, "validation row");
  return text + fmt::format("{} of {} validation rows right, accuracy {:.6g}", count_text(model.right()),
                            count_text(model.rows), model.accuracy());
}

std::string validation_doubt(const RunRecord& record, const Validation& model) {
  const Curve* const curve = model.metric.empty() ? nullptr : record.curve(model.metric);
  const std::optional<double> told = curve == nullptr ? std::nullopt : curve->at(model.epoch);
  if (!told || model.rows == 0 || std::fabs(*told - model.accuracy()) * static_cast<double>(model.rows) < 0.5)
    return {};
  return fmt::format("{} of epoch {} was {:.6g}: the data are not what they were, or differ each time they are read.",
                     model.metric, model.epoch, *told);
}

std::string output_name(const Validation& model, std::size_t output) {
  return model.errors.size() == 1 ? "the only output" : fmt::format("output {}", output);
}

std::string most_confused(const Validation& model, std::size_t of) {
  for (const ConfusedPair& pair : model.confused)
    if (pair.wanted == of) return fmt::format("{} ({})", model.classes[pair.given].name, pair.rows);
  return {};
}

std::vector<std::size_t> listed_classes(const Validation& model, std::size_t most) {
  std::vector<std::size_t> places(model.classes.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  if (places.size() <= most) return places;
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return model.classes[a].f1() < model.classes[b].f1(); });
  places.resize(most);
  std::sort(places.begin(), places.end());
  return places;
}

bool has_square(const Validation& model) {
  return !model.classes.empty() && model.classes.size() <= kMostSquareClasses && model.pairs == model.confused.size();
}

std::vector<std::vector<std::int64_t>> square_of(const Validation& model) {
  const std::size_t classes = model.classes.size();
  std::vector<std::vector<std::int64_t>> square(classes, std::vector<std::int64_t>(classes, 0));
  for (std::size_t i = 0; i < classes; ++i) square[i][i] = model.classes[i].right;
  for (const ConfusedPair& pair : model.confused) square[pair.wanted][pair.given] = pair.rows;
  return square;
}

}  // namespace millrace::pipelines
