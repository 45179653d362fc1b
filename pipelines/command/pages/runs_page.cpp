// Columns are as wide as their widest cell; the name takes what the others leave.
#include "runs_page.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/quantity_text.hpp"
#include "diagnostics/text_cells.hpp"
#include "record/environment/environment.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::system_clock;

constexpr std::size_t kColumns = 80, kGap = 2;
using Row = std::array<std::string, 6>;
constexpr std::array<bool, 6> kIsRight{false, false, true, false, true, true};

std::chrono::seconds age_of(system_clock::time_point started, system_clock::time_point now) {
  return std::max(std::chrono::seconds(0), std::chrono::floor<std::chrono::seconds>(now - started));
}

std::string epochs_text(const RunStatus& run) {
  return run.epochs_planned ? fmt::format("{}/{}", run.epochs_done, *run.epochs_planned)
                            : std::to_string(run.epochs_done);
}

std::string best_text(const RunStatus& run) {
  return run.best ? fmt::format("{} {:.4g} ({})", printable_line(run.best->name), run.best->value, run.best->epoch)
                  : "-";
}

Row row_of(const RunStatus& run, system_clock::time_point now) {
  return {printable_line(run.name),
          name_of(run.state),
          epochs_text(run),
          best_text(run),
          bytes_text(static_cast<double>(run.bytes)),
          run.started ? age_text(age_of(*run.started, now)) : "-"};
}

std::string padded(const std::string& cell, std::size_t width, bool is_right) {
  const std::string rest(width - std::min(width, cells_of(cell)), ' ');
  return is_right ? rest + cell : cell + rest;
}

class Table {
 public:
  explicit Table(std::vector<Row> rows) : rows_(std::move(rows)) {
    for (const Row& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], cells_of(row[i]));
    std::size_t others = 0;
    for (std::size_t i = 1; i < widths_.size(); ++i) others += kGap + widths_[i];
    widths_[0] = std::min(widths_[0], kColumns - std::min(kColumns, others));
  }

  std::string text() const {
    std::string all;
    for (const Row& row : rows_) all += line(row);
    return all;
  }

 private:
  std::string line(const Row& row) const {
    const bool fits = cells_of(row[0]) <= widths_[0];
    std::string text = fits ? "" : row[0] + "\n";
    text += padded(fits ? row[0] : "", widths_[0], false);
    for (std::size_t i = 1; i < row.size(); ++i)
      text += std::string(kGap, ' ') + padded(row[i], widths_[i], kIsRight[i]);
    return text + "\n";
  }

  std::vector<Row> rows_;
  std::array<std::size_t, 6> widths_{};
};

}  // namespace

std::string runs_table(const std::vector<RunStatus>& runs, system_clock::time_point now) {
  std::vector<Row> rows{{"RUN", "STATUS", "EPOCHS", "BEST (EPOCH)", "SIZE", "AGE"}};
  for (const RunStatus& run : runs) rows.push_back(row_of(run, now));
  return Table(std::move(rows)).text();
}

Json run_object(const RunStatus& run, system_clock::time_point now) {
  Json object = {{"name", run.name},
                 {"run", run.folder},
                 {"status", name_of(run.state)},
                 {"attempt", run.attempt},
                 {"epochs", run.epochs_done}};
  if (run.epochs_planned) object["epochs_planned"] = *run.epochs_planned;
  if (run.best) object["best"] = {{"metric", run.best->name}, {"value", run.best->value}, {"epoch", run.best->epoch}};
  object["bytes"] = run.bytes;
  if (run.tests > 0) object["test_set_consulted"] = run.tests;
  if (!run.damages.empty()) object["damaged"] = run.damages;
  if (run.started) object.update({{"started", time_text(*run.started)}, {"age_s", age_of(*run.started, now).count()}});
  return object;
}

std::string age_text(std::chrono::seconds age) {
  constexpr std::chrono::hours kDay{24};
  if (age < std::chrono::minutes(1)) return fmt::format("{} s", age.count());
  if (age < std::chrono::hours(1)) return fmt::format("{} min", age / std::chrono::minutes(1));
  return age < 2 * kDay ? fmt::format("{} h", age / std::chrono::hours(1)) : fmt::format("{} d", age / kDay);
}

}  // namespace millrace::pipelines
