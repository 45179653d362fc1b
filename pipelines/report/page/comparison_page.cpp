// Runs have the letters that they have in the text, so that one can be read beside the other.
#include "comparison_page.hpp"

#include "curve_picture.hpp"
#include "html_table.hpp"
#include "html_text.hpp"
#include "page_style.hpp"
#include "report/axis.hpp"
#include "report/duration_text.hpp"
#include "report/verdict.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

HtmlCells heads(const char* first, std::size_t runs) {
  HtmlCells cells{first};
  for (std::size_t i = 0; i < runs; ++i) cells.emplace_back(1, letter_of(i));
  return cells;
}

std::string runs_list(const std::vector<ComparedRun>& runs) {
  std::string html;
  for (std::size_t i = 0; i < runs.size(); ++i)
    html += fmt::format("<p><b>{} {}</b> {}</p>\n", letter_of(i), html_text(runs[i].record.name),
                        html_text(verdict_of(runs[i].record).sentence));
  return html;
}

std::string differences_table(const char* title, const std::vector<Difference>& differences, std::size_t runs) {
  std::vector<HtmlCells> rows;
  for (const Difference& difference : differences) {
    rows.push_back({difference.path});
    rows.back().insert(rows.back().end(), difference.values.begin(), difference.values.end());
  }
  const std::string body =
      rows.empty() ? "<p>No difference.</p>\n" : html_box(title, html_table(heads("path", runs), rows, runs + 1));
  return fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", title, body);
}

HtmlCells best_cells(const std::vector<ComparedRun>& runs, const std::string& metric) {
  HtmlCells cells{metric + " best (epoch)"};
  for (const ComparedRun& run : runs) {
    const Curve* curve = run.record.curve(metric);
    const auto best = curve != nullptr ? best_of(*curve) : std::nullopt;
    cells.push_back(best ? fmt::format("{} ({})", value_text(best->value), best->epoch) : "");
  }
  return cells;
}

HtmlCells last_cells(const std::vector<ComparedRun>& runs, const std::string& metric) {
  HtmlCells cells{metric + " last"};
  for (const ComparedRun& run : runs) {
    const Curve* curve = run.record.curve(metric);
    cells.push_back(curve != nullptr ? value_text(curve->points.back().value) : "");
  }
  return cells;
}

std::string values_table(const std::vector<ComparedRun>& runs) {
  std::vector<HtmlCells> rows;
  for (const std::string& metric : metrics_of(runs)) {
    rows.push_back(best_cells(runs, metric));
    rows.push_back(last_cells(runs, metric));
  }
  for (const std::string& metric : test_metrics_of(runs)) {
    rows.push_back({metric + " (looks)"});
    for (const ComparedRun& run : runs) rows.back().push_back(test_cell(run.record, metric));
  }
  HtmlCells times{"time"};
  for (const ComparedRun& run : runs) times.push_back(run.record.seconds ? duration_text(*run.record.seconds) : "");
  rows.push_back(std::move(times));
  return "<section>\n<h2>Values</h2>\n" + html_box("values", html_table(heads("value", runs.size()), rows, 1)) +
         "</section>\n";
}

// A letter stands before the name of the metric, by whose end it is told which of its values is the best.
std::string chart(const std::vector<ComparedRun>& runs, const std::string& metric) {
  std::vector<Curve> curves;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (const Curve* curve = runs[i].record.curve(metric))
      curves.push_back({fmt::format("{} {}", letter_of(i), metric), curve->points});
  std::vector<const Curve*> shown;
  for (const Curve& curve : curves) shown.push_back(&curve);
  const std::string picture = curve_picture(shown);
  return picture.empty() ? "" : fmt::format("<figure>\n<h3>{}</h3>\n{}</figure>\n", html_text(metric), picture);
}

}  // namespace

std::string comparison_page(const std::vector<ComparedRun>& runs) {
  std::string page = page_head("Comparison of runs") + "<header>\n<h1>Comparison of runs</h1>\n" + runs_list(runs) +
                     "</header>\n<main>\n";
  page += differences_table("Config, by paths as --set takes them", config_differences(runs), runs.size());
  page += differences_table("Environment", environment_differences(runs), runs.size()) + values_table(runs);
  page += "<section>\n<h2>Curves</h2>\n<div class=\"charts\">\n";
  for (const std::string& metric : metrics_of(runs)) page += chart(runs, metric);
  return page + "</div>\n</section>\n</main>\n" + page_end();
}

}  // namespace millrace::pipelines
