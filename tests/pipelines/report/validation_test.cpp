// Validation rows in reports: small whatever the number of classes, and never markup.
#include "catch.hpp"
#include "diagnostics/text_cells.hpp"
#include "made_record.hpp"
#include "report/page/plot_picture.hpp"
#include "report/page/run_page.hpp"
#include "report/text/report_text.hpp"
#include "report/validation/shown/validation_notes.hpp"
#include "report/validation/validation_json.hpp"

#include <nlohmann/json.hpp>

#include <sstream>

using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Validation of_classes(std::size_t classes, const std::string& name = "c") {
  Validation model;
  model.node = "learn";
  model.epoch = 2;
  model.metric = "val_accuracy";
  for (std::size_t i = 0; i < classes; ++i) {
    model.classes.push_back({name + std::to_string(i), 10, 10, 9});
    model.rows += 10;
    if (model.confused.size() < kMostKeptPairs) model.confused.push_back({i, (i + 1) % classes, 1});
  }
  model.pairs = classes;
  for (std::size_t i = 0; i < kMostWorst; ++i) model.worst.push_back({i, 0, 1, 0.001, 0.99, "iVBORw0KGgo="});
  return model;
}

RunRecord with(Validation model) {
  RunRecord run = record({curve("val_accuracy", {0.5, 0.9}), curve("val_loss", {0.5, 0.4})});
  run.validations = {std::move(model)};
  return run;
}

std::size_t widest_of(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, cells_of(line));
  return widest;
}

}  // namespace

TEST_CASE("few classes are a square, a thousand are those that go wrong most", "[validation]") {
  const std::string ten = run_page(with(of_classes(10))), thousand = run_page(with(of_classes(1000)));
  CHECK(has(ten, "Confusion matrix"));
  CHECK_FALSE(has(ten, "Most confused"));
  CHECK(has(thousand, "Most confused, 20 of 1,000 pairs"));
  CHECK(has(thousand, "the 40 of 1,000 with the lowest F1"));
  CHECK(thousand.size() < 60'000);
  for (const std::size_t classes : {2U, 10U, 12U, 13U, 20U, 1000U})
    CHECK(widest_of(report_text(with(of_classes(classes, "a rather long name of a class ")), false)) <= 80);
}

TEST_CASE("a name of a class is no markup", "[validation]") {
  const std::string page = run_page(with(of_classes(3, "<script>\"'&")));
  CHECK_FALSE(has(page, "<script"));
  CHECK(has(page, "&lt;script&gt;"));
}

TEST_CASE("an accuracy that is not the run's is told, to half a row", "[validation]") {
  const RunRecord same = with(of_classes(10));
  CHECK(validation_doubt(same, same.validations[0]).empty());
  RunRecord other = same;
  other.validations[0].classes[0].right -= 1;
  CHECK(has(validation_doubt(other, other.validations[0]), "val_accuracy of epoch 2 was 0.9"));
  other.validations[0].metric = "unknown";
  CHECK(validation_doubt(other, other.validations[0]).empty());
}

TEST_CASE("what is missing is told where something was measured", "[validation]") {
  RunRecord run = record({curve("val_loss", {1, 2})});
  for (const char* status : {"stopped", "failed", "interrupted", "finished"}) {
    run.status = status;
    CHECK(has(validation_missing(run), "Left out"));
  }
  run.status = "running";
  CHECK(validation_missing(run).empty());
  run = record({curve("loss", {1, 2})});
  CHECK(validation_missing(run).empty());
}

TEST_CASE("what is kept reads as it was", "[validation]") {
  Validation values;
  values.node = "b";
  values.epoch = 7;
  values.rows = 2;
  values.errors = {{0.5, 1.5, -2.5, 0.75}};
  values.is_of_input = true;
  values.points = {{1, 2, 3}, {4, 5, 6}};
  Validation left;
  left.node = "c";
  left.left_out = "the file is gone";
  const std::vector<Validation> models{of_classes(12), values, left};
  const auto object = validation_json(models);
  CHECK(validation_json(read_validation(nlohmann::ordered_json::parse(object.dump()))) == object);
}

TEST_CASE("a plot of nothing is none, and of one point is one", "[validation]") {
  Validation model;
  CHECK(plot_picture(model).empty());
  CHECK(plot_file(model).empty());
  model.points = {{1, 2, 3}};
  CHECK(has(plot_file(model), "xmlns"));
  model.points = {{1e300, -1e300, 1e-300}, {-1e300, 1e300, 0}};
  CHECK_FALSE(has(plot_picture(model), "nan"));
  CHECK_FALSE(has(plot_picture(model), "inf"));
}
