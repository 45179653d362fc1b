// Numbers that are not finite are left out: a model that gives them has not finished its run.
#include "validation_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::size_t kMostClasses = 100'000, kMostModels = 100, kMostPictureBytes = 20'000;

Json classes_json(const Validation& model) {
  Json list = Json::array();
  for (const ClassRow& one : model.classes)
    list.push_back({{"name", one.name},
                    {"rows", one.rows},
                    {"given", one.given},
                    {"right", one.right},
                    {"precision", one.precision()},
                    {"recall", one.recall()},
                    {"f1", one.f1()}});
  return list;
}

Json worst_json(const Validation& model) {
  Json list = Json::array();
  for (const WorstRow& row : model.worst) {
    Json object = {{"row", row.row},
                   {"wanted", row.wanted},
                   {"given", row.given},
                   {"wanted_probability", row.wanted_probability},
                   {"given_probability", row.given_probability}};
    if (!row.picture.empty()) object["picture"] = row.picture;
    list.push_back(std::move(object));
  }
  return list;
}

void put_classes(const Validation& model, Json& object) {
  object["accuracy"] = model.accuracy();
  object["classes"] = classes_json(model);
  object["confused"] = Json::array();
  for (const ConfusedPair& pair : model.confused) object["confused"].push_back({pair.wanted, pair.given, pair.rows});
  object["pairs"] = model.pairs;
  object["worst"] = worst_json(model);
}

void put_quantities(const Validation& model, Json& object) {
  object["errors"] = Json::array();
  for (const OutputErrors& errors : model.errors)
    object["errors"].push_back({{"mean", errors.mean},
                                {"root_mean_square", errors.root_mean_square},
                                {"largest", errors.largest},
                                {"explained", errors.explained}});
  if (model.points.empty()) return;
  object["x"] = model.is_of_input ? "input" : "wanted";
  object["points"] = Json::array();
  for (const PlotPoint& point : model.points) object["points"].push_back({point.x, point.wanted, point.given});
}

Json model_json(const Validation& model) {
  Json object = {{"node", model.node}};
  if (!model.left_out.empty()) {
    object["left_out"] = model.left_out;
    return object;
  }
  object.update({{"checkpoint", model.checkpoint}, {"epoch", model.epoch}, {"rows", model.rows}});
  if (!model.metric.empty()) object["metric"] = model.metric;
  if (!model.classes.empty())
    put_classes(model, object);
  else
    put_quantities(model, object);
  return object;
}

const Json& list_in(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::int64_t count_in(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number_integer() ? std::max<std::int64_t>(found->get<std::int64_t>(), 0)
                                                             : 0;
}

double value_in(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text_in(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Whether a list of so many numbers stands there.
bool is_row(const Json& row, std::size_t numbers) {
  return row.is_array() && row.size() == numbers &&
         std::all_of(row.begin(), row.end(), [](const Json& value) { return value.is_number(); });
}

// What stands in an address of an image must not end it.
std::string picture_in(const Json& row) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  std::string text = text_in(row, "picture");
  const bool is_one = text.size() <= kMostPictureBytes && text.find_first_not_of(kDigits) == std::string::npos;
  return is_one ? text : std::string();
}

void read_classes(const Json& object, Validation& model) {
  for (const Json& one : list_in(object, "classes")) {
    if (model.classes.size() == kMostClasses) break;
    model.classes.push_back(
        {text_in(one, "name"), count_in(one, "rows"), count_in(one, "given"), count_in(one, "right")});
  }
  const std::size_t classes = model.classes.size();
  for (const Json& pair : list_in(object, "confused")) {
    if (!is_row(pair, 3) || !pair[0].is_number_unsigned() || !pair[1].is_number_unsigned() ||
        !pair[2].is_number_unsigned() || model.confused.size() == kMostKeptPairs)
      continue;
    const ConfusedPair read{pair[0].get<std::size_t>(), pair[1].get<std::size_t>(), pair[2].get<std::int64_t>()};
    if (read.wanted < classes && read.given < classes && read.rows > 0) model.confused.push_back(read);
  }
  model.pairs = std::max(model.confused.size(), static_cast<std::size_t>(count_in(object, "pairs")));
}

void read_worst(const Json& object, Validation& model) {
  for (const Json& row : list_in(object, "worst")) {
    const WorstRow read{static_cast<std::uint64_t>(count_in(row, "row")),
                        static_cast<std::size_t>(count_in(row, "wanted")),
                        static_cast<std::size_t>(count_in(row, "given")),
                        value_in(row, "wanted_probability"),
                        value_in(row, "given_probability"),
                        picture_in(row)};
    const bool is_known = read.wanted < model.classes.size() && read.given < model.classes.size();
    if (is_known && model.worst.size() < kMostWorst) model.worst.push_back(read);
  }
}

void read_quantities(const Json& object, Validation& model) {
  for (const Json& errors : list_in(object, "errors"))
    if (model.errors.size() < kMostKeptPairs)
      model.errors.push_back({value_in(errors, "mean"), value_in(errors, "root_mean_square"),
                              value_in(errors, "largest"), value_in(errors, "explained")});
  model.is_of_input = text_in(object, "x") == "input";
  for (const Json& point : list_in(object, "points"))
    if (is_row(point, 3) && model.points.size() < kMostPlotted)
      model.points.push_back({point[0].get<double>(), point[1].get<double>(), point[2].get<double>()});
}

Validation model_in(const Json& object) {
  Validation model;
  model.node = text_in(object, "node");
  model.left_out = text_in(object, "left_out");
  if (!model.left_out.empty()) return model;
  model.checkpoint = text_in(object, "checkpoint");
  model.epoch = static_cast<std::uint32_t>(count_in(object, "epoch"));
  model.rows = count_in(object, "rows");
  model.metric = text_in(object, "metric");
  read_classes(object, model);
  read_worst(object, model);
  read_quantities(object, model);
  return model;
}

}  // namespace

Json validation_json(const std::vector<Validation>& models) {
  Json object = {{"v", kFormat}, {"models", Json::array()}};
  for (const Validation& model : models) object["models"].push_back(model_json(model));
  return object;
}

std::vector<Validation> read_validation(const Json& object) {
  std::vector<Validation> models;
  if (count_in(object, "v") != kFormat) return models;
  for (const Json& model : list_in(object, "models"))
    if (models.size() < kMostModels && model.is_object()) models.push_back(model_in(model));
  return models;
}

}  // namespace millrace::pipelines
