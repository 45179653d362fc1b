// What is said of validation rows in words, in each form of a report.
#pragma once

#include "report/run_record.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Why nothing is known of the validation rows of a run that has measured some; empty where something is, or is still to come.
std::string validation_missing(const RunRecord& record);
/// "learn, checkpoint of epoch 5: 9,812 of 10,000 rows right, accuracy 0.9812", or why it was left out.
std::string validation_head(const Validation& model);
/// What the run has measured is another accuracy; empty where it is the same, or not known.
std::string validation_doubt(const RunRecord& record, const Validation& model);
/// "the only output", or by number.
std::string output_name(const Validation& model, std::size_t output);

/// For what a class is taken most often, other than itself: "9 (36)"; empty where never.
std::string most_confused(const Validation& model, std::size_t of);
/// Places of at most `most` classes, those with the lowest F1, in the order of the classes.
std::vector<std::size_t> listed_classes(const Validation& model, std::size_t most);
/// Whether all that was confused is known, and few enough classes to be shown as a square.
bool has_square(const Validation& model);
/// Rows by class that they are of and class that they were taken for. For a model that has_square().
std::vector<std::vector<std::int64_t>> square_of(const Validation& model);

inline constexpr std::size_t kMostSquareClasses = 20;

}  // namespace millrace::pipelines
