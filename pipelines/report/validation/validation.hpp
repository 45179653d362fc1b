// What the newest model of a run makes of its validation rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A class, by how many of the rows are of it, were taken for it, and both.
struct ClassRow {
  std::string name;
  std::int64_t rows = 0, given = 0, right = 0;

  /// Of the rows that were taken for it, those that are of it; 0 where none was.
  double precision() const { return given == 0 ? 0 : static_cast<double>(right) / static_cast<double>(given); }
  /// Of the rows that are of it, those that were taken for it; 0 where there are none.
  double recall() const { return rows == 0 ? 0 : static_cast<double>(right) / static_cast<double>(rows); }
  /// Their harmonic mean.
  double f1() const {
    return rows + given == 0 ? 0 : 2 * static_cast<double>(right) / static_cast<double>(rows + given);
  }
};

/// So many rows of one class were taken for another.
struct ConfusedPair {
  std::size_t wanted = 0, given = 0;
  std::int64_t rows = 0;
};

/// A row of which the model was least sure that it is what it is.
struct WorstRow {
  std::uint64_t row = 0;  ///< its number in the data set
  std::size_t wanted = 0, given = 0;
  double wanted_probability = 0, given_probability = 0;
  std::string picture;  ///< a PNG in base 64; empty where rows are no images
};

/// Of one output of a model that gives quantities: given less wanted.
struct OutputErrors {
  double mean = 0, root_mean_square = 0, largest = 0;  ///< `largest` by magnitude
  double explained = 0;  ///< 1 less the share of the variance that is left; 0 where there is none
};

struct PlotPoint {
  double x = 0, wanted = 0, given = 0;
};

struct Validation {
  std::string node;        ///< the trainer
  std::string left_out;    ///< why nothing else is known; empty: it is
  std::string checkpoint;  ///< whose weights these are, from the run's folder on
  std::uint32_t epoch = 0;
  std::int64_t rows = 0;
  std::string metric;  ///< what the run calls its accuracy on the same rows; empty where it has measured none

  // Of a model that sorts rows into classes.
  std::vector<ClassRow> classes;
  std::vector<ConfusedPair> confused;  ///< the most rows first; all of them, or kMostKeptPairs
  std::size_t pairs = 0;               ///< how many there are
  std::vector<WorstRow> worst;         ///< the worst first

  // Of one that gives quantities.
  std::vector<OutputErrors> errors;
  bool is_of_input = false;       ///< x of the points is the only input; else what was wanted
  std::vector<PlotPoint> points;  ///< of a model with one output: all rows, or kMostPlotted evenly spread ones

  std::int64_t right() const {
    std::int64_t sum = 0;
    for (const ClassRow& one : classes) sum += one.right;
    return sum;
  }
  double accuracy() const { return rows == 0 ? 0 : static_cast<double>(right()) / static_cast<double>(rows); }
};

inline constexpr std::size_t kMostKeptPairs = 1000, kMostWorst = 24, kMostPlotted = 200;

}  // namespace millrace::pipelines
