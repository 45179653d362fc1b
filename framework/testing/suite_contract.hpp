// What a stage has sent, against what its descriptor declares and its infer promises.
#pragma once

#include "suite_bench.hpp"

#include <optional>
#include <string>

namespace millrace::testing {

/// What is wrong, if anything is.
using Finding = std::optional<std::string>;

/// Dtype, shape, encoding, fields, rows and ids.
Finding shape_differs(const SuiteCase& one, const Bench& bench);
/// Values outside of the promised or declared range; NaN lies in none.
Finding range_left(const SuiteCase& one, const Bench& bench);
/// A pass without last_in_epoch on the last packet of every output, or a stage that cuts batches and loses rows.
Finding pass_not_ended(const SuiteCase& one, const Bench& bench, const Scenario& scenario);

}  // namespace millrace::testing
