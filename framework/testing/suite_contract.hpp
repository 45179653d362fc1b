// What a stage has sent, against what its descriptor declares and its infer promises.
#pragma once

#include "suite_check.hpp"

namespace millrace::testing {

/// infer beside the descriptor: dtype, shape, fields; and rows of an output that promises none.
Finding shape_differs(const SuiteCase& one, const SuiteHarness& harness);
/// Values outside of the promised or declared range; NaN lies in none.
Finding range_left(const SuiteCase& one, const SuiteHarness& harness);
/// An epoch without last_in_epoch on the last packet of every output, or a stage that cuts batches and loses rows.
Finding epoch_not_ended(const SuiteCase& one, const SuiteHarness& harness, const Scenario& scenario);

}  // namespace millrace::testing
