// What is a number stands flush right, under others of its kind.
#include "page_tables.hpp"

#include "diagnostics/diagnostics.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/quantity_text.hpp"
#include "html_table.hpp"
#include "html_text.hpp"
#include "node_rails.hpp"
#include "page_style.hpp"
#include "report/axis.hpp"
#include "report/bottleneck.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace millrace::pipelines {
namespace {

using Cells = HtmlCells;

constexpr std::size_t kMostValueBytes = 2000;  // of the environment
constexpr std::size_t kMostCells = 3000;       // of the values by epoch
constexpr const char* kNodesHead =
    "<table class=\"nodes\">\n<thead><tr><th>graph</th><th>node</th><th>time</th><th class=\"n\">busy</th><th "
    "class=\"n\">blocked</th>"
    "<th class=\"n\">starved</th><th class=\"n more\">packets</th></tr></thead>\n<tbody>\n";

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

// So many that the table does not outgrow the page, whatever a plugin measures.
std::size_t most_epochs(const RunRecord& record) {
  constexpr std::size_t kLeast = 10;
  return std::clamp(kMostCells / (record.curves.size() + 1), kLeast, kMostListedEpochs);
}

std::set<std::uint32_t> listed_epochs(const RunRecord& record) {
  std::set<std::uint32_t> all;
  for (const Curve& curve : record.curves)
    for (const CurvePoint& point : curve.points) all.insert(point.epoch);
  const std::size_t most = most_epochs(record);
  if (all.size() <= most) return all;
  const std::vector<std::uint32_t> epochs(all.begin(), all.end());
  const std::size_t apart = (epochs.size() + most - 1) / most;
  std::set<std::uint32_t> some{epochs.front(), epochs.back()};
  for (std::size_t i = apart - 1; i < epochs.size(); i += apart) some.insert(epochs[i]);
  if (!record.curves.empty())
    if (const auto best = best_of(record.curves.front())) some.insert(best->epoch);
  return some;
}

/// Places of the nodes that are listed, in their order.
std::vector<std::size_t> listed_nodes(const RunRecord& record) {
  std::vector<std::size_t> places(record.nodes.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  if (places.size() <= kMostListedNodes) return places;
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return record.nodes[a].busy > record.nodes[b].busy; });
  places.resize(kMostListedNodes);
  std::sort(places.begin(), places.end());
  return places;
}

const char* color_of(const NodeShare& share) {
  if (share.busy <= 0 && share.starved <= 0 && share.blocked <= 0) return "currentColor";
  if (share.busy >= share.starved && share.busy >= share.blocked) return kBusyColor.data();
  return share.blocked >= share.starved ? kBlockedColor.data() : kStarvedColor.data();
}

// As wide as the run lasted, or as the node was there on several threads.
std::string bar(const NodeShare& share) {
  const double whole = std::max(1.0, share.busy + share.starved + share.blocked);
  std::string html = "<svg viewBox=\"0 0 100 12\" preserveAspectRatio=\"none\" aria-hidden=\"true\">";
  double x = 0;
  for (const auto& [part, color] :
       {std::pair(share.busy, kBusyColor), {share.blocked, kBlockedColor}, {share.starved, kStarvedColor}}) {
    const double width = 100 * part / whole;
    html += fmt::format("<rect x=\"{:.2f}\" width=\"{:.2f}\" height=\"12\" fill=\"{}\"/>", x, width, color);
    x += width;
  }
  return html + "</svg>";
}

/// `rails`: null where there are too many to be drawn.
std::string node_row(const RunRecord& record, const Rails* rails, const NodeShare& share, std::size_t i,
                     bool is_limit) {
  const NodeTimes& node = record.nodes[i];
  const std::string name = html_text(node.name);
  std::string html = fmt::format(
      "<tr{}><td>{}</td><td class=\"name\" title=\"{}\">{}<br><small>{}</small></td><td class=\"bar\">{}</td>",
      is_limit ? " class=\"limit\"" : "", rails == nullptr ? "" : rails_piece(record.nodes, *rails, i, color_of(share)),
      name, name, html_text(node.stage), bar(share));
  for (const double part : {share.busy, share.blocked, share.starved})
    html += fmt::format("<td class=\"n\">{}</td>", percent(part));
  return html + fmt::format("<td class=\"n more\">{}</td></tr>\n", count_text(static_cast<long long>(node.packets)));
}

std::string key() {
  std::string html;
  for (const auto& [color, text] : {std::pair(kBusyColor, "busy: at work"),
                                    {kBlockedColor, "blocked: held up by what is behind it, or without a thread"},
                                    {kStarvedColor, "starved: nothing to do"}})
    html += fmt::format(
        "<svg class=\"key\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect width=\"1\" height=\"1\" "
        "fill=\"{}\"/></svg>{}",
        color, text);
  return "<p class=\"dim\">Shares of the run's time." + html + "</p>\n";
}

std::string epochs_of(const AttemptRow& row) {
  if (!row.first_epoch) return "none";
  return *row.first_epoch == *row.last_epoch ? std::to_string(*row.first_epoch)
                                             : fmt::format("{} to {}", *row.first_epoch, *row.last_epoch);
}

// The position is that with which a run would go on.
std::string place_of(const CheckpointRow& row) {
  return row.batch == 0 ? fmt::format("after epoch {}", row.epoch - 1)
                        : fmt::format("in epoch {}, after batch {}", row.epoch, row.batch);
}

}  // namespace

std::string told_list(const std::vector<ToldProblem>& problems, const char* what, const char* look) {
  std::string html;
  std::size_t shown = 0;
  for (const ToldProblem& told : problems) {
    if (shown++ == kMostShownErrors)
      return html + fmt::format("<p>and {} more: see log.txt</p>\n", problems.size() - kMostShownErrors);
    html += fmt::format("<div class=\"told {}\"><b>{}[{}]</b>: {}", look, what, html_text(told.name),
                        html_lines(told.message));
    if (told.count > 1) html += fmt::format(" ({} times)", told.count);
    if (!told.place.empty()) html += fmt::format("<br><span class=\"dim\">{}</span>", html_text(told.place));
    if (!told.help.empty()) html += fmt::format("<br>help: {}", html_text(told.help));
    html += "</div>\n";
  }
  return html;
}

std::string journal_note(const RunRecord& record) {
  std::string html;
  if (!record.unread.empty())
    html = fmt::format("<p class=\"bad\">metrics.jsonl cannot be read: {}</p>\n", html_text(record.unread));
  for (const std::string& damage : record.damages) html += fmt::format("<p class=\"bad\">{}</p>\n", html_lines(damage));
  if (!html.empty() || record.torn_bytes == 0) return html;
  return fmt::format("<p class=\"bad\">The last {} bytes of metrics.jsonl are torn, and are not counted.</p>\n",
                     record.torn_bytes);
}

std::string best_table(const RunRecord& record) {
  std::vector<Cells> rows;
  for (const Curve& curve : record.curves) {
    const auto best = is_time(curve.name) ? std::nullopt : best_of(curve);
    rows.push_back({curve.name, best ? value_text(best->value) : "", best ? std::to_string(best->epoch) : "",
                    value_text(curve.points.back().value)});
  }
  return rows.empty() ? "" : html_table({"metric", "best", "epoch", "last"}, rows, 1);
}

std::string epochs_table(const RunRecord& record) {
  if (record.epochs_done < 2) return {};
  Cells heads{"epoch"};
  std::vector<Cells> rows;
  for (const Curve& curve : record.curves) heads.push_back(curve.name);
  for (const std::uint32_t epoch : listed_epochs(record)) {
    Cells cells{std::to_string(epoch)};
    for (const Curve& curve : record.curves) {
      const std::optional<double> value = curve.at(epoch);
      cells.push_back(value ? value_text(*value) : "");
    }
    rows.push_back(std::move(cells));
  }
  const std::string note = rows.size() < record.epochs_done
                               ? fmt::format(", {} of {}; metrics.jsonl has all", rows.size(), record.epochs_done)
                               : "";
  return fmt::format("<h3>Values by epoch{}</h3>\n", note) + html_box("values by epoch", html_table(heads, rows, 0));
}

std::string pipeline_table(const RunRecord& record) {
  if (record.nodes.empty()) return {};
  const std::vector<NodeShare> shares = shares_of(record);
  const std::vector<std::size_t> listed = listed_nodes(record);
  const bool is_whole = listed.size() == shares.size();
  const Rails rails = is_whole ? rails_of(record.nodes) : Rails{};
  const std::size_t limit = bottleneck_of(record);
  std::string html = fmt::format("<p>{}</p>\n", html_text(bottleneck_text(record)));
  if (!is_whole)
    html += fmt::format("<p>Of {} the {} that were busy for the longest.</p>\n", counted(shares.size(), "node"),
                        listed.size());
  html += kNodesHead;
  for (const std::size_t i : listed) html += node_row(record, is_whole ? &rails : nullptr, shares[i], i, i == limit);
  return html + "</tbody>\n</table>\n" + key();
}

std::string model_tables(const RunRecord& record) {
  std::string html;
  for (const ModelRow& model : record.models) {
    std::vector<Cells> rows;
    for (const LayerRow& layer : model.layers)
      rows.push_back(
          {layer.layer, layer.activation, fmt::format("[n, {}]", layer.outputs), count_text(layer.parameters)});
    html += fmt::format("<h3>{}: {} parameters, input [n, {}]</h3>\n", html_text(model.node),
                        count_text(model.parameters), model.inputs);
    if (!rows.empty()) html += html_table({"layer", "activation", "output", "parameters"}, rows, 2);
    if (!model.weights_sha256.empty())
      html += fmt::format("<p class=\"dim\">weights sha256 {}</p>\n", html_text(model.weights_sha256));
  }
  return html;
}

std::string test_table(const RunRecord& record) {
  if (record.tests.empty()) return {};
  Cells heads{"look", "time", "checkpoint", "epoch"};
  for (const auto& [name, value] : record.tests.back().values) heads.push_back(name);
  std::vector<Cells> rows;
  for (const TestEntry& entry : record.tests) {
    rows.push_back({std::to_string(entry.number), entry.time, entry.checkpoint, std::to_string(entry.epoch)});
    for (std::size_t i = 4; i < heads.size(); ++i) rows.back().push_back(test_value(entry, heads[i]));
  }
  const std::string others = other_set_text(record.tests);
  return fmt::format("<p>It was {}.</p>\n", html_text(consulted_text(record.tests))) +
         (others.empty() ? "" : fmt::format("<p class=\"bad\">{}.</p>\n", html_lines(others))) +
         html_box("looks at the test set", html_table(heads, rows, 3));
}

std::string lineage_tables(const RunRecord& record) {
  std::vector<Cells> attempts, checkpoints;
  for (const AttemptRow& row : record.attempts)
    attempts.push_back({std::to_string(row.number), row.status, epochs_of(row), row.started, row.host});
  for (const CheckpointRow& row : record.checkpoints)
    if (row.is_there) checkpoints.push_back({row.path, place_of(row)});
  std::string html;
  if (!attempts.empty())
    html += html_box("attempts", html_table({"attempt", "status", "its epochs", "started", "host"}, attempts, 5));
  if (!checkpoints.empty()) html += html_table({"checkpoint", "goes on"}, checkpoints, 2);
  return html;
}

std::string environment_table(const RunRecord& record) {
  if (record.environment.empty()) return {};
  std::string html = "<table class=\"facts\">\n<tbody>\n";
  for (const NamedText& value : record.environment)
    html += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html_text(value.name),
                        html_text(shortened(value.text, kMostValueBytes)));
  return html + "</tbody>\n</table>\n";
}

}  // namespace millrace::pipelines
