// In the order in which one asks: what it came to, how it got there, where the time went, what it was made of.
#include "run_page.hpp"

#include "curve_picture.hpp"
#include "diagnostics/printable_text.hpp"
#include "html_table.hpp"
#include "html_text.hpp"
#include "page_style.hpp"
#include "page_tables.hpp"
#include "report/verdict.hpp"
#include "validation_tables.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostConfigBytes = 100'000;  // of which a config with a large table in it has more

std::string section(const char* title, const std::string& body) {
  return body.empty() ? "" : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", title, body);
}

std::string header(const RunRecord& record, const Verdict& verdict) {
  const char* look = record.status == "finished" ? "good" : record.status == "failed" ? "bad" : "dim";
  std::string text = fmt::format("<header>\n<h1>{} <span class=\"{}\">{}</span></h1>\n<p class=\"dim\">",
                                 html_text(record.name), look, html_text(record.status));
  for (const char* path : {"started", "host", "device", "threads"})
    if (const std::string value = record.environment_text(path); !value.empty())
      text += fmt::format("{} {}&ensp;", path, html_text(value));
  text += fmt::format("</p>\n<p class=\"verdict\">{}</p>\n", html_text(verdict.sentence));
  if (!verdict.rule.empty()) text += fmt::format("<p class=\"dim\">Rule: {}.</p>\n", html_text(verdict.rule));
  return text + journal_note(record) + "</header>\n";
}

std::string problems(const RunRecord& record) {
  return told_list(record.failures, "error", "bad") + told_list(record.warnings, "warning", "");
}

std::string charts(const RunRecord& record) {
  std::string text;
  const std::size_t most = drawn_points(record.curves.size());
  for (const CurveGroup& group : groups_of(record.curves))
    if (const std::string picture = curve_picture(group.curves, most); !picture.empty())
      text += fmt::format("<figure>\n<h3>{}</h3>\n{}</figure>\n", html_text(group.name), picture);
  return text.empty() ? "" : "<div class=\"charts\">\n" + text + "</div>\n";
}

std::string config(const RunRecord& record) {
  if (record.config.empty()) return {};
  return "<p class=\"dim\">Each value with its origin; a config again.</p>\n" +
         html_box("config", "<pre>" + html_lines(shortened(record.config, kMostConfigBytes)) + "</pre>");
}

}  // namespace

std::string run_page(const RunRecord& record) {
  std::string page = page_head(record.name) + header(record, verdict_of(record)) + "<main>\n";
  page += section("Problems", problems(record));
  page += section("Curves", charts(record) + best_table(record) + epochs_table(record));
  page += section("Validation rows", validation_tables(record));
  page += section("Pipeline", pipeline_table(record));
  page += section("Model", model_tables(record));
  page += section("Test set", test_table(record));
  page += section("Attempts and checkpoints", lineage_tables(record));
  page += section("Config", config(record));
  page += section("Environment", environment_table(record));
  return page + "</main>\n" + page_end();
}

}  // namespace millrace::pipelines
