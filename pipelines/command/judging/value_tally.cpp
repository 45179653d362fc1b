// The variance is summed as it comes, around the mean so far (Welford, "Note on a method for calculating corrected sums of squares and products", 1962).
#include "value_tally.hpp"

#include <algorithm>
#include <cmath>

namespace millrace::pipelines {

ValueTally::ValueTally(std::size_t outputs, std::optional<std::int64_t> rows) : sums_(outputs) {
  const auto all = static_cast<std::uint64_t>(std::max<std::int64_t>(rows.value_or(0), 0));
  apart_ = std::max<std::uint64_t>(1, (all + kMostPlotted - 1) / kMostPlotted);
}

void ValueTally::add(const JudgedBatch& batch) {
  for (std::size_t row = 0; row < batch.ids.size(); ++row) {
    ++rows_;
    for (std::size_t i = 0; i < batch.width; ++i)
      add_value(sums_[i], batch.wanted[row * batch.width + i], batch.given[row * batch.width + i]);
    if (batch.width == 1 && (batch.first_row + row) % apart_ == 0) note(batch, row);
  }
}

void ValueTally::add_value(Sums& sums, double wanted, double given) const {
  const double error = given - wanted, from_mean = wanted - sums.mean;
  sums.errors += error;
  sums.squares += error * error;
  if (std::fabs(error) > std::fabs(sums.largest)) sums.largest = error;
  sums.mean += from_mean / static_cast<double>(rows_);
  sums.spread += from_mean * (wanted - sums.mean);
}

void ValueTally::note(const JudgedBatch& batch, std::size_t row) {
  is_of_input_ = batch.input.size() == batch.given.size();
  const double wanted = batch.wanted[row], given = batch.given[row];
  const double x = is_of_input_ ? static_cast<double>(batch.input[row]) : wanted;
  const bool is_finite = std::isfinite(x) && std::isfinite(wanted) && std::isfinite(given);
  if (is_finite && points_.size() < kMostPlotted) points_.push_back({x, wanted, given});
}

void ValueTally::finish(Validation& found) const {
  found.rows = rows_;
  const double rows = static_cast<double>(std::max<std::int64_t>(rows_, 1));
  for (const Sums& sums : sums_)
    found.errors.push_back({sums.errors / rows, std::sqrt(sums.squares / rows), sums.largest,
                            sums.spread > 0 ? 1 - sums.squares / sums.spread : 0});
  found.is_of_input = is_of_input_;
  found.points = points_;
}

}  // namespace millrace::pipelines
