// Only what was confused is counted by pairs: of a thousand classes there are a million, and most are empty.
#include "class_tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <tuple>

namespace millrace::pipelines {
namespace {

std::size_t class_of(std::span<const float> values) {
  if (values.size() == 1) return values[0] > 0.5F ? 1 : 0;
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

double probability(std::span<const float> given, std::size_t of) {
  const double value = given.size() == 1 ? (of == 1 ? given[0] : 1 - static_cast<double>(given[0])) : given[of];
  return std::isfinite(value) ? value : 0;
}

bool is_worse(const WorstRow& a, const WorstRow& b) {
  return std::tuple(a.wanted_probability, a.row) < std::tuple(b.wanted_probability, b.row);
}

}  // namespace

ClassTally::ClassTally(std::size_t outputs, const ClassNames& names) : classes_(std::max<std::size_t>(outputs, 2)) {
  for (std::size_t i = 0; i < classes_.size(); ++i)
    classes_[i].name = i < names.size() ? names.at(i) : fmt::format("{}", i);
}

void ClassTally::add(const JudgedBatch& batch) {
  for (std::size_t row = 0; row < batch.ids.size(); ++row) add_row(batch, row);
}

void ClassTally::add_row(const JudgedBatch& batch, std::size_t row) {
  const auto given = std::span(batch.given).subspan(row * batch.width, batch.width);
  const std::size_t is = class_of(std::span(batch.wanted).subspan(row * batch.width, batch.width));
  const std::size_t taken_for = class_of(given);
  ++rows_;
  ++classes_[is].rows;
  ++classes_[taken_for].given;
  if (is == taken_for)
    ++classes_[is].right;
  else
    ++confused_[{is, taken_for}];
  note({batch.ids[row], is, taken_for, probability(given, is), probability(given, taken_for), {}});
}

void ClassTally::note(WorstRow row) {
  if (worst_.size() == kMostWorst && !is_worse(row, worst_.back())) return;
  worst_.insert(std::upper_bound(worst_.begin(), worst_.end(), row, is_worse), std::move(row));
  if (worst_.size() > kMostWorst) worst_.pop_back();
}

void ClassTally::finish(Validation& found) const {
  found.rows = rows_;
  found.classes = classes_;
  for (const auto& [pair, rows] : confused_) found.confused.push_back({pair.first, pair.second, rows});
  std::stable_sort(found.confused.begin(), found.confused.end(),
                   [](const ConfusedPair& a, const ConfusedPair& b) { return a.rows > b.rows; });
  found.pairs = found.confused.size();
  if (found.confused.size() > kMostKeptPairs) found.confused.resize(kMostKeptPairs);
  found.worst = worst_;
}

}  // namespace millrace::pipelines
