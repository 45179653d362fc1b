// Rows are written packet by packet, so that only an object grows with them.
#include "prediction_output.hpp"

#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t rows_of(const std::vector<PredictionFile>& files) {
  std::int64_t rows = 0;
  for (const PredictionFile& file : files) rows += file.rows;
  return rows;
}

// As `peek` tells it: JSON has no number for what is not finite.
Json number(float value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

bool are_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

std::size_t largest(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

PredictionOutput::PredictionOutput(const ModelRows& way, const VerbOptions& options, const Json& head, std::string npy,
                                   const std::vector<PredictionFile>& files)
    : way_(way),
      options_(options),
      is_of_classes_(way.model->layers.back().activation == Activation::softmax),
      object_(std::make_unique<Json>(head)),
      npy_path_(std::move(npy)),
      rows_(rows_of(files)),
      names_files_(files.size() > 1) {
  if (!npy_path_.empty()) npy_.emplace(npy_path_, DType::f32, rows_, RowShape{way.model->outputs()});
  (*object_)["outputs"] = way.model->outputs();
  (*object_)["rows"] = rows_;
  if (is_of_classes_ && !way.classes.empty()) (*object_)["classes"] = way.classes.list();
  if (npy_) (*object_)["output"] = npy_path_;
  (*object_)["files"] = Json::array();
}

PredictionOutput::~PredictionOutput() = default;

void PredictionOutput::begin(const PredictionFile& file) {
  (*object_)["files"].push_back({{"file", file.path}, {"rows", file.rows}});
  if (npy_) return;
  (*object_)["files"].back()["predictions"] = Json::array();
  if (!options_.json && names_files_) answer(fmt::format("{}:\n", file.path));
}

void PredictionOutput::take(const Packet& packet) {
  const std::span<const float> values = packet.tensor().f32();
  const auto width = static_cast<std::size_t>(way_.model->outputs());
  for (std::size_t i = 0; i < static_cast<std::size_t>(packet.rows); ++i)
    look_at(packet.sample_ids()[i], values.subspan(i * width, width));
  if (npy_) return npy_->write(std::as_bytes(values));
  for (std::size_t i = 0; i < static_cast<std::size_t>(packet.rows); ++i)
    tell(packet.sample_ids()[i], values.subspan(i * width, width));
  if (!options_.json) answer(text_);
  text_.clear();
}

void PredictionOutput::look_at(std::uint64_t row, std::span<const float> values) {
  if (are_finite(values)) return;
  if (not_finite_++ == 0)
    first_not_finite_ = fmt::format("row {} of {}", row, (*object_)["files"].back()["file"].get<std::string>());
}

void PredictionOutput::tell(std::uint64_t row, std::span<const float> values) {
  if (options_.json)
    (*object_)["files"].back()["predictions"].push_back(object_of(row, values));
  else
    text_ += text_of(row, values);
}

Json PredictionOutput::object_of(std::uint64_t row, std::span<const float> values) const {
  Json object = {{"row", row}};
  if (is_of_classes_) {
    const bool is_known = are_finite(values);
    object["class"] = is_known ? Json(largest(values)) : Json();
    object["probability"] = is_known ? Json(values[largest(values)]) : Json();
  }
  object["values"] = Json::array();
  for (const float value : values) object["values"].push_back(number(value));
  return object;
}

// A data set may call its classes by their numbers.
std::string PredictionOutput::class_text(std::size_t index) const {
  const std::string number = fmt::format("{}", index);
  const std::string name = index < way_.classes.size() ? way_.classes.at(index) : number;
  return name == number ? number : fmt::format("{} ({})", number, name);
}

std::string PredictionOutput::text_of(std::uint64_t row, std::span<const float> values) const {
  std::string text = fmt::format("row {:<8}", row);
  if (is_of_classes_ && !are_finite(values)) return text + "  no class: the model's values are not finite\n";
  if (is_of_classes_)
    return text +
           fmt::format("  class {:<4}  probability {:.6f}\n", class_text(largest(values)), values[largest(values)]);
  for (const float value : values) text += fmt::format("  {:.9g}", value);
  return text + "\n";
}

void PredictionOutput::warn() const {
  if (not_finite_ == 0) return;
  write_note(fmt::format("warning[not-finite]: {} of {} give values that are not finite, the first of them {}\n",
                         counted(not_finite_, "row"), rows_, printable_line(first_not_finite_)));
}

void PredictionOutput::finish() {
  warn();
  if (npy_) npy_->finish();
  if (options_.json) return write_result(json_line(*object_));
  if (npy_)
    answer(fmt::format("{} of {} in {}\n", counted(rows_, "row"), counted(way_.model->outputs(), "value"), npy_path_));
}

}  // namespace millrace::pipelines
