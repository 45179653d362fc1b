// Of many classes those that go wrong most: --json has all.
#include "validation_text.hpp"

#include "diagnostics/quantity_text.hpp"
#include "report/axis.hpp"
#include "report/cut_text.hpp"
#include "report/validation/shown/validation_notes.hpp"
#include "text_columns.hpp"
#include "text_plot.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kIndent = 2, kMostListed = 20, kMostWorstLines = 8, kNameColumns = 20, kHeadColumns = 6;
constexpr std::size_t kMostSquareColumns = 12;  // that have room beside each other
using Rows = std::vector<std::vector<std::string>>;

std::string square(const Validation& model) {
  Rows rows{{"is \\ taken for"}};
  for (const ClassRow& one : model.classes) rows.front().push_back(cut_to(one.name, kHeadColumns));
  const auto counts = square_of(model);
  for (std::size_t is = 0; is < counts.size(); ++is) {
    rows.push_back({cut_to(model.classes[is].name, kNameColumns)});
    for (const std::int64_t count : counts[is]) rows.back().push_back(count == 0 ? "." : std::to_string(count));
  }
  return text_table(rows, kIndent);
}

std::string pairs_table(const Validation& model) {
  Rows rows{{"is", "taken for", "rows"}};
  for (const ConfusedPair& pair : model.confused) {
    if (rows.size() > kMostListed) break;
    rows.push_back({cut_to(model.classes[pair.wanted].name, kNameColumns),
                    cut_to(model.classes[pair.given].name, kNameColumns), count_text(pair.rows)});
  }
  return rows.size() == 1 ? "" : text_table(rows, kIndent);
}

std::string classes_table(const Validation& model) {
  Rows rows{{"class", "rows", "precision", "recall", "F1", "taken for"}};
  for (const std::size_t i : listed_classes(model, kMostListed)) {
    const ClassRow& one = model.classes[i];
    rows.push_back({cut_to(one.name, kNameColumns), count_text(one.rows), fmt::format("{:.4f}", one.precision()),
                    fmt::format("{:.4f}", one.recall()), fmt::format("{:.4f}", one.f1()),
                    cut_to(most_confused(model, i), kNameColumns)});
  }
  std::string text = text_table(rows, kIndent);
  if (model.classes.size() > kMostListed)
    text += in_lines(fmt::format("({} of {} classes, those with the lowest F1)", kMostListed, model.classes.size()),
                     kIndent);
  return text;
}

std::string worst_lines(const Validation& model) {
  std::string text;
  for (std::size_t i = 0; i < std::min(model.worst.size(), kMostWorstLines); ++i) {
    const WorstRow& row = model.worst[i];
    text += in_lines(fmt::format("row {}: is {} ({:.2g}), taken for {} ({:.2g})", row.row,
                                 cut_to(model.classes[row.wanted].name, kNameColumns), row.wanted_probability,
                                 cut_to(model.classes[row.given].name, kNameColumns), row.given_probability),
                     2 * kIndent);
  }
  return text.empty() ? text : in_lines("The rows of whose class the model is least sure:", kIndent) + text;
}

std::string quantities(const Validation& model, bool unicode) {
  Rows rows{{"error of", "mean", "root mean square", "largest", "explained"}};
  for (std::size_t i = 0; i < std::min(model.errors.size(), kMostListed); ++i)
    rows.push_back({output_name(model, i), value_text(model.errors[i].mean),
                    value_text(model.errors[i].root_mean_square), value_text(model.errors[i].largest),
                    value_text(model.errors[i].explained)});
  return text_table(rows, kIndent) + text_plot(model, unicode);
}

std::string of_model(const RunRecord& record, const Validation& model, bool unicode) {
  std::string text = in_lines(validation_head(model), kIndent);
  if (!model.left_out.empty()) return text;
  if (const std::string doubt = validation_doubt(record, model); !doubt.empty()) text += in_lines(doubt, kIndent);
  if (model.classes.empty()) return text + quantities(model, unicode);
  const bool fits = has_square(model) && model.classes.size() <= kMostSquareColumns;
  return text + (fits ? square(model) : pairs_table(model)) + classes_table(model) + worst_lines(model);
}

}  // namespace

std::string validation_text(const RunRecord& record, bool unicode) {
  std::string text;
  if (const std::string missing = validation_missing(record); !missing.empty()) text += in_lines(missing, kIndent);
  for (const Validation& model : record.validations) text += of_model(record, model, unicode);
  return text;
}

}  // namespace millrace::pipelines
