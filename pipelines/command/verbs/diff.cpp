// `pipeline-run diff A B`: the first epoch, batch and node where two kept runs part, and what passed there.
#include "command/difference/compared_run.hpp"
#include "command/difference/past_epochs.hpp"
#include "command/keeping/run_target.hpp"
#include "command/line/config_arguments.hpp"
#include "command/terminal/answer.hpp"
#include "record/runs/run_lookup.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kParts = 1;  ///< exit code, as of the diff of files
constexpr std::size_t kHashDigits = 10;

struct DiffOptions : ConfigOptions, RunsFolder {
  std::vector<std::string> words;
};

/// The first value of a row that is another one.
struct PartingElement {
  std::string field;
  std::size_t index = 0, differing = 0, values = 0;
  double a = 0, b = 0;
};

struct Difference {
  std::uint32_t epoch = 0;
  PartingPoint point;
  std::optional<SeenRow> a = {}, b = {};
  std::optional<PartingElement> element = {};
};

std::optional<PartingElement> parting_element(const SeenRow& a, const SeenRow& b) {
  for (std::size_t k = 0; k < std::min(a.fields.size(), b.fields.size()); ++k) {
    const std::vector<double>&x = a.fields[k].second, &y = b.fields[k].second;
    PartingElement found{a.fields[k].first, 0, 0, x.size()};
    for (std::size_t i = std::min(x.size(), y.size()); i-- > 0;) {
      if (std::memcmp(&x[i], &y[i], sizeof x[i]) == 0) continue;
      found.index = i;
      found.a = x[i];
      found.b = y[i];
      ++found.differing;
    }
    if (found.differing > 0) return found;
  }
  return std::nullopt;
}

[[noreturn]] void fail_to_find(std::uint32_t epoch) {
  throw Error(
      ErrorKind::run, "diff-not-found",
      fmt::format("the runs part in epoch {} by what they have written, and not when they are computed once more",
                  epoch),
      "a stage depends on something else than the seed; of several processes `reduction: ordered` gives the bits of "
      "one");
}

std::optional<Difference> find_difference(ComparedRun& a, ComparedRun& b, std::uint32_t epoch) {
  const EpochTrace x = a.trace(epoch), y = b.trace(epoch);
  const std::optional<PartingPoint> point = first_parting(x, y);
  if (!point) return std::nullopt;
  Difference found{epoch, *point};
  if (point->row == kEpochEnd || point->output.port.empty()) return found;
  found.a = a.row(epoch, point->output, point->row);
  found.b = b.row(epoch, point->output, point->row);
  if (found.a && found.b) found.element = parting_element(*found.a, *found.b);
  return found;
}

std::string row_text(const Difference& found) {
  std::string text = fmt::format("  row {} of the epoch", found.point.row);
  if (!found.a || !found.b) return text + fmt::format(": run {} has none\n", found.a ? "B" : "A");
  if (found.a->id != found.b->id) text += fmt::format(": sample {} in A, sample {} in B", found.a->id, found.b->id);
  text += "\n";
  if (const auto& element = found.element)
    text +=
        fmt::format("  {}[{}]: {:.9g} in A, {:.9g} in B; {} of {} differ\n", element->field, element->index, element->a,
                    element->b, element->differing, counted(static_cast<std::int64_t>(element->values), "value"));
  else if (found.a->id == found.b->id)
    text += "  the same values, stored otherwise\n";
  return text;
}

std::string loss_text(const Difference& found) {
  const PartingPoint& point = found.point;
  const std::string where = point.batch > 1 ? fmt::format("what it has learned from batch {}", point.batch - 1)
                                            : "its weights at the beginning of the epoch, or its loss";
  return fmt::format("  loss up to there: {:.9g} in A, {:.9g} in B: {} differs\n", point.a->loss, point.b->loss, where);
}

std::string point_text(const Difference& found) {
  const PartingPoint& point = found.point;
  const std::string name = point.output.node + (point.output.port.empty() ? "" : "." + point.output.port);
  if (point.row == kEpochEnd) return fmt::format("epoch {}, at its end: {}\n", found.epoch, name);
  const std::string head = fmt::format("epoch {}, batch {}: {}\n", found.epoch, point.batch, name);
  return head + (point.a ? loss_text(found) : row_text(found));
}

std::string values_text(const PastEpochs& past) {
  std::string text;
  for (const PartingValue& value : past.values)
    text += fmt::format("  {:<20} {:.9g} in A, {:.9g} in B\n", value.name, value.a, value.b);
  return text;
}

Json row_json(const SeenRow& row) {
  Json json = {{"id", row.id}, {"fields", Json::object()}};
  for (const auto& [name, values] : row.fields) json["fields"][name] = values;
  return json;
}

Json json_of(const Difference& found) {
  const PartingPoint& point = found.point;
  Json json = {{"epoch", found.epoch}, {"node", point.output.node}};
  if (!point.output.port.empty()) json["port"] = point.output.port;
  if (point.row != kEpochEnd) json.update({{"batch", point.batch}, {"row", point.row}});
  if (point.a) json["loss"] = {point.a->loss, point.b->loss};
  if (found.a) json["a"] = row_json(*found.a);
  if (found.b) json["b"] = row_json(*found.b);
  if (const auto& element = found.element)
    json.update({{"field", element->field},
                 {"index", element->index},
                 {"values", {element->a, element->b}},
                 {"differing", element->differing}});
  return json;
}

Json json_of(const EndedModel& model) { return {{"epoch", model.epoch}, {"weights_sha256", model.weights_sha256}}; }

Json head_json(const PastEpochs& past, const std::vector<std::string>& folders) {
  Json json = {{"schema", 1}, {"runs", folders}, {"equal", past.are_equal()}, {"epochs", past.common}};
  for (const PartingValue& value : past.values) json["differing"][value.name] = {value.a, value.b};
  for (const PartingEnd& end : past.ends)
    json["ends"].push_back({{"node", end.node}, {"a", json_of(end.a)}, {"b", json_of(end.b)}});
  return json;
}

std::string end_text(const EndedModel& model) {
  return fmt::format("those of epoch {} ({})", model.epoch, model.weights_sha256.substr(0, kHashDigits));
}

std::string ends_text(const PastEpochs& past) {
  std::string text;
  for (const PartingEnd& end : past.ends)
    text += fmt::format("  {:<20} A ends with {}, B with {}\n", end.node, end_text(end.a), end_text(end.b));
  return text;
}

std::string equal_text(const PastEpochs& past) {
  const std::string of =
      past.told_a == past.told_b ? "" : fmt::format(" of {} in A and {} in B", past.told_a, past.told_b);
  return fmt::format("equal in all bits, as far as both go: {}{}\n", counted(past.common, "epoch"), of);
}

int tell_equal(const PastEpochs& past, const std::vector<std::string>& folders, const DiffOptions& options) {
  if (options.json)
    write_result(json_line(head_json(past, folders)));
  else
    answer(equal_text(past));
  return 0;
}

// They have told of no epoch that both have: the first may be in the making, or nothing is measured.
int tell_computed_equal(const PastEpochs& past, const std::vector<std::string>& folders,
                        const std::vector<std::string>& places, const DiffOptions& options) {
  Json json = head_json(past, folders);
  json["computed"] = places;
  if (options.json)
    write_result(json_line(json));
  else
    answer("equal in all bits in epoch 1, which was computed once more: they tell of no epoch that both have\n");
  return 0;
}

// Nothing has to be computed: which weights they are is known.
int tell_other_weights(const PastEpochs& past, const std::vector<std::string>& folders, const DiffOptions& options) {
  Json json = head_json(past, folders);
  if (past.parting) json["parts"] = {{"epoch", *past.parting}};
  const std::string head = past.parting
                               ? "before any training\n"
                               : fmt::format("equal in all bits in each of {}, and they end with other weights\n",
                                             counted(past.common, "epoch"));
  if (options.json)
    write_result(json_line(json));
  else
    answer(head + values_text(past) + ends_text(past));
  return kParts;
}

int tell_parting(const Difference& found, const PastEpochs& past, const std::vector<std::string>& folders,
                 const std::vector<std::string>& places, const DiffOptions& options) {
  Json json = head_json(past, folders);
  json.update({{"equal", false}, {"parts", json_of(found)}, {"computed", places}});
  if (options.json)
    write_result(json_line(json));
  else
    answer(point_text(found) +
           (past.values.empty() ? "" : fmt::format("values of epoch {}:\n{}", found.epoch, values_text(past))) +
           fmt::format("computed once more: A {}, B {}; `pipeline-run compare` tells how their configs differ\n",
                       places[0], places[1]));
  return kParts;
}

int act_diff(const DiffOptions& options) {
  std::vector<std::string> folders;
  for (const std::string& word : options.words)
    folders.push_back(std::filesystem::absolute(find_run(word, options.runs_folder())).string());
  const PastEpochs past = compare_epochs(folders[0], folders[1]);
  const bool is_told_equal = past.are_equal() && (past.common > 0 || past.is_untrained);
  if (is_told_equal) return tell_equal(past, folders, options);
  if (past.parting == 0U || !past.ends.empty()) return tell_other_weights(past, folders, options);
  ComparedRun a(folders[0], options), b(folders[1], options);
  const std::uint32_t epoch = past.parting.value_or(1);
  const std::optional<Difference> found = find_difference(a, b, epoch);
  if (found) return tell_parting(*found, past, folders, {a.place(), b.place()}, options);
  if (past.parting) fail_to_find(epoch);
  return tell_computed_equal(past, folders, {a.place(), b.place()}, options);
}

std::string conflict(const DiffOptions& options) { return options.words.size() == 2 ? "" : "diff takes two runs"; }

const RegisteredVerb kDiff({.name = "diff",
                            .group = VerbGroup::run,
                            .summary = "the epoch, batch and node where two runs part",
                            .target = run_target(into(&DiffOptions::words), true),
                            .options = {json_option(), threads_option(), runs_option()},
                            .examples = {},
                            .only_looks = false,
                            .conflict = on_own(conflict)},
                           act_diff);

}  // namespace
}  // namespace millrace::pipelines
