// Shades are see-through, so that they are the same on light and dark ground and leave the number readable.
#include "validation_tables.hpp"

#include "diagnostics/quantity_text.hpp"
#include "html_table.hpp"
#include "html_text.hpp"
#include "plot_picture.hpp"
#include "report/axis.hpp"
#include "report/cut_text.hpp"
#include "report/validation/shown/validation_notes.hpp"

#include <fmt/format.h>

#include <cmath>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostListedClasses = 40, kMostListedPairs = 20, kMostHeadColumns = 10, kMostNameColumns = 40;
constexpr double kMostShade = 0.6, kLeastShade = 0.12;
constexpr std::int64_t kShownSide = 56;

std::string name_of(const ClassRow& one, std::size_t columns) { return html_text(cut_to(one.name, columns)); }

// By the root of the share of the class's rows: one row of a thousand is still seen.
std::string shade(std::int64_t rows, std::int64_t of, bool is_right) {
  if (rows == 0) return "";
  const double share = std::sqrt(static_cast<double>(rows) / static_cast<double>(std::max<std::int64_t>(of, 1)));
  const double alpha = kLeastShade + (kMostShade - kLeastShade) * std::min(share, 1.0);
  return fmt::format(" style=\"background:rgba({},{:.2f})\"", is_right ? "47,127,193" : "217,113,28", alpha);
}

std::string square(const Validation& model) {
  const auto rows = square_of(model);
  std::string html = "<table class=\"square\">\n<thead><tr><td></td>";
  for (const ClassRow& one : model.classes)
    html += fmt::format("<th class=\"n\" scope=\"col\" title=\"{}\">{}</th>", html_text(one.name),
                        name_of(one, kMostHeadColumns));
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t is = 0; is < rows.size(); ++is) {
    html += fmt::format("<tr><th scope=\"row\" title=\"{}\">{}</th>", html_text(model.classes[is].name),
                        name_of(model.classes[is], kMostHeadColumns));
    for (std::size_t given = 0; given < rows.size(); ++given) {
      const std::int64_t count = rows[is][given];
      html += fmt::format("<td class=\"n\"{}>{}</td>", shade(count, model.classes[is].rows, is == given),
                          count == 0 ? "" : std::to_string(count));
    }
    html += "</tr>\n";
  }
  return "<h3>Confusion matrix</h3>\n<p class=\"dim\">A line for what rows are, a column for what they were taken "
         "for.</p>\n" +
         html_box("confusion matrix", html + "</tbody>\n</table>\n");
}

std::string pairs_table(const Validation& model) {
  std::vector<HtmlCells> rows;
  for (const ConfusedPair& pair : model.confused) {
    if (rows.size() == kMostListedPairs) break;
    rows.push_back({cut_to(model.classes[pair.wanted].name, kMostNameColumns),
                    cut_to(model.classes[pair.given].name, kMostNameColumns), count_text(pair.rows)});
  }
  if (rows.empty()) return {};
  return fmt::format("<h3>Most confused, {} of {} pairs</h3>\n", rows.size(),
                     count_text(static_cast<long long>(model.pairs))) +
         html_table({"is", "taken for", "rows"}, rows, 2);
}

std::string classes_table(const Validation& model) {
  const std::vector<std::size_t> listed = listed_classes(model, kMostListedClasses);
  std::vector<HtmlCells> rows;
  for (const std::size_t i : listed) {
    const ClassRow& one = model.classes[i];
    rows.push_back({cut_to(one.name, kMostNameColumns), count_text(one.rows), fmt::format("{:.4f}", one.precision()),
                    fmt::format("{:.4f}", one.recall()), fmt::format("{:.4f}", one.f1()),
                    cut_to(most_confused(model, i), kMostNameColumns)});
  }
  const std::string which = listed.size() == model.classes.size()
                                ? "Classes"
                                : fmt::format("Classes, the {} of {} with the lowest F1", listed.size(),
                                              count_text(static_cast<long long>(model.classes.size())));
  return fmt::format("<h3>{}</h3>\n", which) +
         html_box("classes",
                  html_table({"class", "rows", "precision", "recall", "F1", "most often taken for"}, rows, 1));
}

std::string told(const Validation& model, const WorstRow& row) {
  return fmt::format("row {}: is {} ({:.2g}), taken for {} ({:.2g})", row.row,
                     cut_to(model.classes[row.wanted].name, kMostNameColumns), row.wanted_probability,
                     cut_to(model.classes[row.given].name, kMostNameColumns), row.given_probability);
}

std::string picture(const Validation& model, const WorstRow& row) {
  const std::string text = html_text(told(model, row));
  return fmt::format(
      "<figure><img src=\"data:image/png;base64,{0}\" width=\"{1}\" height=\"{1}\" alt=\"{2}\" title=\"{2}\">"
      "<figcaption>{3} as {4}<br><small>{5:.0f} %, row {6}</small></figcaption></figure>\n",
      row.picture, kShownSide, text, name_of(model.classes[row.wanted], kMostHeadColumns),
      name_of(model.classes[row.given], kMostHeadColumns), 100 * row.given_probability, row.row);
}

std::string worst_rows(const Validation& model) {
  std::string pictures, list;
  for (const WorstRow& row : model.worst) {
    if (row.picture.empty())
      list += fmt::format("<li>{}</li>\n", html_text(told(model, row)));
    else
      pictures += picture(model, row);
  }
  if (!pictures.empty()) pictures = "<div class=\"pictures\">\n" + pictures + "</div>\n";
  if (!list.empty()) list = "<ul>\n" + list + "</ul>\n";
  if (pictures.empty() && list.empty()) return {};
  return "<h3>The rows of whose class the model is least sure</h3>\n" + pictures + list;
}

std::string quantities(const Validation& model) {
  std::vector<HtmlCells> rows;
  for (std::size_t i = 0; i < model.errors.size() && i < kMostListedClasses; ++i) {
    const OutputErrors& errors = model.errors[i];
    rows.push_back({output_name(model, i), value_text(errors.mean), value_text(errors.root_mean_square),
                    value_text(errors.largest), value_text(errors.explained)});
  }
  std::string html = html_table({"error of", "mean", "root mean square", "largest", "explained variance"}, rows, 1);
  if (const std::string plot = plot_picture(model); !plot.empty())
    html += "<div class=\"charts\">\n<figure>\n<h3>" + std::string(plot_title(model)) + "</h3>\n" + plot +
            "</figure>\n</div>\n";
  return html;
}

std::string of_model(const RunRecord& record, const Validation& model) {
  std::string html = fmt::format("<p>{}</p>\n", html_text(validation_head(model)));
  if (!model.left_out.empty()) return html;
  if (const std::string doubt = validation_doubt(record, model); !doubt.empty())
    html += fmt::format("<p class=\"bad\">{}</p>\n", html_text(doubt));
  if (model.classes.empty()) return html + quantities(model);
  html += has_square(model) ? square(model) : pairs_table(model);
  return html + classes_table(model) + worst_rows(model);
}

}  // namespace

std::string validation_tables(const RunRecord& record) {
  std::string html;
  if (const std::string missing = validation_missing(record); !missing.empty())
    html += fmt::format("<p class=\"dim\">{}</p>\n", html_text(missing));
  for (const Validation& model : record.validations) html += of_model(record, model);
  return html;
}

}  // namespace millrace::pipelines
