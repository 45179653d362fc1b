// Each run has a letter, which stands for it in tables and charts.
#include "comparison_text.hpp"

#include "report/axis.hpp"
#include "report/cut_text.hpp"
#include "report/duration_text.hpp"
#include "text_chart.hpp"
#include "text_columns.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kIndent = 2, kMostValueColumns = 24, kHashDigits = 8;
using Row = std::vector<std::string>;

Row heads(const std::string& first, std::size_t runs) {
  Row row{first};
  for (std::size_t i = 0; i < runs; ++i) row.emplace_back(1, letter_of(i));
  return row;
}

std::string runs_text(const std::vector<ComparedRun>& runs) {
  std::string text;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& record = runs[i].record;
    std::string line =
        fmt::format("{}  {} {}, {} epochs", letter_of(i), record.name, record.status, record.epochs_done);
    if (record.seconds) line += fmt::format(" in {}", duration_text(*record.seconds));
    text += in_lines(line, 0);
  }
  return text;
}

std::string differences_text(const char* title, const std::vector<Difference>& differences, std::size_t runs) {
  if (differences.empty()) return fmt::format("\n{}: no difference\n", title);
  std::vector<Row> rows{heads("", runs)};
  for (const Difference& difference : differences) {
    Row row{difference.path};
    for (const std::string& value : difference.values)
      row.push_back(value.empty() ? "-" : cut_to(value, kMostValueColumns));
    rows.push_back(std::move(row));
  }
  return fmt::format("\n{}\n{}", title, text_table(rows, kIndent));
}

template <class Cell>
Row row_of(const std::vector<ComparedRun>& runs, const std::string& name, const Cell& cell) {
  Row row{name};
  for (const ComparedRun& run : runs) {
    std::string text = cell(run.record);
    row.push_back(text.empty() ? "-" : std::move(text));
  }
  return row;
}

std::string best_cell(const RunRecord& record, const std::string& metric) {
  const Curve* curve = record.curve(metric);
  const auto best = curve != nullptr ? best_of(*curve) : std::nullopt;
  return best ? fmt::format("{} ({})", value_text(best->value), best->epoch) : "";
}

std::string last_cell(const RunRecord& record, const std::string& metric) {
  const Curve* curve = record.curve(metric);
  return curve != nullptr ? value_text(curve->points.back().value) : "";
}

std::string values_text(const std::vector<ComparedRun>& runs) {
  std::vector<Row> rows{heads("", runs.size())};
  for (const std::string& metric : metrics_of(runs)) {
    rows.push_back(row_of(runs, metric + " best (epoch)", [&](const RunRecord& r) { return best_cell(r, metric); }));
    rows.push_back(row_of(runs, metric + " last", [&](const RunRecord& r) { return last_cell(r, metric); }));
  }
  for (const std::string& metric : test_metrics_of(runs))
    rows.push_back(row_of(runs, metric + " (looks)", [&](const RunRecord& r) { return test_cell(r, metric); }));
  rows.push_back(row_of(runs, "time", [](const RunRecord& r) { return r.seconds ? duration_text(*r.seconds) : ""; }));
  rows.push_back(row_of(runs, "weights sha256", [](const RunRecord& r) {
    return cut_to(r.weights_sha256.substr(0, kHashDigits), kHashDigits);
  }));
  return "\nValues\n" + text_table(rows, kIndent);
}

std::string charts_text(const std::vector<ComparedRun>& runs, bool unicode) {
  std::string text;
  for (const std::string& metric : metrics_of(runs)) {
    std::vector<MarkedCurve> curves;
    for (std::size_t i = 0; i < runs.size(); ++i)
      if (const Curve* curve = runs[i].record.curve(metric)) curves.push_back({curve, "", letter_of(i)});
    const bool has_course =
        std::any_of(curves.begin(), curves.end(), [](const MarkedCurve& c) { return c.curve->points.size() > 1; });
    if (has_course && (is_validation(metric) || curves.size() > 1))
      text += fmt::format("\n{} by epoch\n{}", cut_to(metric, kPageColumns - 10),
                          text_chart(curves, {kPageColumns, 10, unicode}));
  }
  return text;
}

}  // namespace

std::string comparison_text(const std::vector<ComparedRun>& runs, bool unicode) {
  return runs_text(runs) +
         differences_text("Config, by paths as --set takes them", config_differences(runs), runs.size()) +
         differences_text("Environment", environment_differences(runs), runs.size()) + values_text(runs) +
         charts_text(runs, unicode);
}

}  // namespace millrace::pipelines
