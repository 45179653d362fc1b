// The verdict first: who reads no further knows what the run came to.
#include "report_text.hpp"

#include "diagnostics/quantity_text.hpp"
#include "report/axis.hpp"
#include "report/bottleneck.hpp"
#include "report/cut_text.hpp"
#include "report/verdict.hpp"
#include "text_chart.hpp"
#include "text_columns.hpp"
#include "validation_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kIndent = 2, kChartColumns = kPageColumns - kIndent;
using Rows = std::vector<std::vector<std::string>>;

std::string section(const std::string& title, const std::string& body) {
  return body.empty() ? "" : fmt::format("\n{}\n{}", title, body);
}

std::string head(const RunRecord& record) {
  std::string text = fmt::format("{} {}", record.name, record.status);
  for (const char* path : {"started", "device", "threads", "host"})
    if (const std::string value = record.environment_text(path); !value.empty())
      text += fmt::format(", {} {}", path == std::string("host") ? "on" : path, value);
  return in_lines(text, 0);
}

std::string problems_text(const std::vector<ToldProblem>& problems, const char* what) {
  std::string text;
  for (const ToldProblem& told : problems) {
    std::string line = fmt::format("{}[{}]: {}", what, told.name, told.message);
    if (told.count > 1) line += fmt::format(" ({} times)", told.count);
    if (!told.place.empty()) line += fmt::format(" --> {}", told.place);
    text += in_lines(line, kIndent);
    if (!told.help.empty()) text += in_lines("help: " + told.help, 2 * kIndent);
  }
  return text;
}

std::string values_table(const RunRecord& record) {
  Rows rows{{"metric", "best", "epoch", "last"}};
  for (const Curve& curve : record.curves) {
    const std::optional<CurvePoint> best = is_time(curve.name) ? std::nullopt : best_of(curve);
    rows.push_back({curve.name, best ? value_text(best->value) : "-", best ? std::to_string(best->epoch) : "-",
                    value_text(curve.points.back().value)});
  }
  return rows.size() == 1 ? "" : text_table(rows, kIndent);
}

// The validation is what is judged, so it gets the finer mark.
std::vector<MarkedCurve> marked(const CurveGroup& group) {
  std::vector<MarkedCurve> curves;
  for (const Curve* curve : group.curves) curves.push_back({curve, curve->name, 0});
  std::stable_partition(curves.begin(), curves.end(),
                        [](const MarkedCurve& c) { return is_validation(c.curve->name); });
  if (curves.size() > kMostUnlettered) curves.resize(kMostUnlettered);
  return curves;
}

std::string indented(const std::string& lines) {
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    text += std::string(kIndent, ' ') + lines.substr(at, end - at + 1);
    at = end + 1;
  }
  return text;
}

std::string charts(const RunRecord& record, bool unicode) {
  std::string text;
  if (record.epochs_done < 2) return text;
  for (const CurveGroup& group : groups_of(record.curves))
    if (!is_time(group.name))
      text += "\n" + cut_to(group.name, kPageColumns - 10) + " by epoch\n" +
              indented(text_chart(marked(group), {kChartColumns, 10, unicode}));
  return text;
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string pipeline_text(const RunRecord& record) {
  if (record.nodes.empty()) return {};
  const std::vector<NodeShare> shares = shares_of(record);
  Rows rows{{"node", "stage", "busy", "starved", "blocked"}};
  for (std::size_t i = 0; i < shares.size(); ++i)
    rows.push_back({record.nodes[i].name, cut_to(record.nodes[i].stage, 20), percent(shares[i].busy),
                    percent(shares[i].starved), percent(shares[i].blocked)});
  return in_lines(bottleneck_text(record), kIndent) + text_table(rows, kIndent);
}

std::string models_text(const RunRecord& record) {
  std::string text;
  for (const ModelRow& model : record.models) {
    text += in_lines(
        fmt::format("{}: {} parameters, input [n, {}]", model.node, count_text(model.parameters), model.inputs),
        kIndent);
    Rows rows{{"layer", "output", "activation", "parameters"}};
    for (const LayerRow& layer : model.layers)
      rows.push_back({layer.layer, fmt::format("[n, {}]", layer.outputs), cut_to(layer.activation, 20),
                      count_text(layer.parameters)});
    if (rows.size() > 1) text += text_table(rows, kIndent);
    text += in_lines("sha256 " + model.weights_sha256, kIndent);
  }
  return text;
}

std::string epochs_of(const AttemptRow& row) {
  if (!row.first_epoch) return "-";
  return *row.first_epoch == *row.last_epoch ? std::to_string(*row.first_epoch)
                                             : fmt::format("{}-{}", *row.first_epoch, *row.last_epoch);
}

std::string lineage_text(const RunRecord& record) {
  Rows rows{{"attempt", "status", "epochs", "started"}};
  for (const AttemptRow& row : record.attempts)
    rows.push_back({std::to_string(row.number), cut_to(row.status, 20), epochs_of(row), cut_to(row.started, 30)});
  return rows.size() < 3 ? "" : text_table(rows, kIndent);
}

std::string tests_text(const RunRecord& record) {
  if (record.tests.empty()) return {};
  Rows rows{{"look", "epoch"}};
  for (const auto& [name, value] : record.tests.back().values) rows.front().push_back(name);
  for (const TestEntry& entry : record.tests) {
    Rows::value_type row{std::to_string(entry.number), std::to_string(entry.epoch)};
    for (std::size_t i = 2; i < rows.front().size(); ++i) row.push_back(test_value(entry, rows.front()[i]));
    rows.push_back(std::move(row));
  }
  const std::string others = other_set_text(record.tests);
  return in_lines(consulted_text(record.tests), kIndent) + text_table(rows, kIndent) +
         (others.empty() ? "" : in_lines("warning[test-set-changed]: " + others, kIndent));
}

std::string journal_note(const RunRecord& record) {
  std::string text;
  if (!record.unread.empty()) text = in_lines("metrics.jsonl cannot be read: " + record.unread, 0);
  for (const std::string& damage : record.damages) text += in_lines("warning[journal-damaged]: " + damage, 0);
  if (!text.empty() || record.torn_bytes == 0) return text;
  return in_lines(fmt::format("The last {} bytes of metrics.jsonl are torn, and are not counted.", record.torn_bytes),
                  0);
}

}  // namespace

std::string report_text(const RunRecord& record, bool unicode) {
  const Verdict verdict = verdict_of(record);
  std::string text = head(record) + in_lines(verdict.sentence, 0);
  text += journal_note(record);
  text += section("Problems", problems_text(record.failures, "error") + problems_text(record.warnings, "warning"));
  text += section("Values", values_table(record)) + charts(record, unicode);
  text += section("Validation rows", validation_text(record, unicode));
  text += section("Pipeline", pipeline_text(record)) + section("Model", models_text(record));
  text += section("Test set", tests_text(record));
  text += section("Attempts", lineage_text(record));
  if (!verdict.rule.empty()) text += "\n" + in_lines(fmt::format("Rule: {}.", verdict.rule), 0);
  return text;
}

}  // namespace millrace::pipelines
