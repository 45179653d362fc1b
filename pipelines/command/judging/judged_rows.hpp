// Validation rows with what a model makes of them, brought together from two outputs of a slice.
#pragma once

#include "command/slices/prediction_way.hpp"
#include "command/slices/slice_run.hpp"
#include "run/report/capture.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct JudgedBatch {
  std::uint64_t first_row = 0;     ///< its place in the epoch
  std::vector<std::uint64_t> ids;  ///< of its rows
  std::size_t width = 0;           ///< outputs of the model
  std::vector<float> wanted, given;
  std::vector<float> input;  ///< of a model with one input; else empty
};

/// Which weights, and when: what is drawn anew in each epoch is drawn as in that one.
struct JudgedModel {
  const ModelRows& way;
  std::string checkpoint;
  std::uint32_t epoch = 1;
};

/// Calls `take` with each batch of the way's validation rows, never two at once. Throws Error for what keeps it from coming to the end.
void judge_rows(const CheckedConfig& checked, const JudgedModel& model, const SliceWatch& watch,
                const std::function<void(const JudgedBatch&)>& take);

/// Runs a slice to its end, or until nobody wants more. Throws Error for its first failure, and for a signal.
void run_to_end(ValidatedGraph& slice, const Diagnostics& diagnostics, std::vector<Capture> captures,
                const SliceWatch& watch);

}  // namespace millrace::pipelines
