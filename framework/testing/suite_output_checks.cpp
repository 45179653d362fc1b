// Each check drives a new stage through a scenario (one row, empty epochs, odd blocks) and looks at what it sent.
#include "suite_output_checks.hpp"

#include "suite_check.hpp"
#include "suite_contract.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <memory>

namespace millrace::testing {
namespace {

const Scenario kOneRow{{1}, {1}}, kEmpty{{8, 8}, {0}, {8, 8}}, kOdd{{8, 8, 3}, {8, 8, 3}};

// Data that is not there is told by the epoch that needs it.
Finding construction_fails(const SuiteCase& one) {
  try {
    return caught([&] { return StageHarness(one.info, one.params, open_device({"cpu", 0})), Finding(); });
  } catch (const Error&) {
    return {};
  }
}

using Checker = Finding (*)(const SuiteCase&, const SuiteHarness&);

CheckResult after_plain_epochs(const SuiteCase& one, const char* check, const char* help, Checker checker) {
  if (one.info.spec.outputs().empty() && one.info.spec.any_output() == nullptr)
    return not_applicable("it has no output");
  return over_forms(one, help, [&](const InputForm& form) {
    SuiteHarness harness(one, form, kPlain);
    harness.begin();
    run_for(check, harness);
    return checker(one, harness);
  });
}

// What goes well with plain blocks has to go well with these.
CheckResult check_scenario(const SuiteCase& one, const Scenario& scenario, const char* help) {
  if (one.info.kind == StageKind::source) return not_applicable("a source cuts its own blocks");
  return over_forms(one, help, [&](const InputForm& form) {
    SuiteHarness harness(one, form, scenario);
    harness.begin();
    harness.run();
    Finding finding = shape_differs(one, harness);
    if (!finding) finding = range_left(one, harness);
    return finding ? finding : epoch_not_ended(one, harness, scenario);
  });
}

}  // namespace

CheckResult check_runs(const SuiteCase& one) {
  if (const Finding finding = construction_fails(one))
    return {Verdict::failed, "its constructor throws: " + *finding,
            "let it take whatever fits the descriptor, or give other parameters: --with '{...}'", false};
  const InputForms forms = forms_of(one);
  if (forms.accepted.empty())
    return {Verdict::failed, fmt::format("infer accepts none of the inputs that are declared: {}", forms.refusal),
            "declare what infer accepts, or give parameters that fit it: --with '{...}'", false};
  return over_forms(one, "an epoch of 4 blocks of 8 rows, twice, has to go through",
                    [&](const InputForm& form) -> Finding {
                      SuiteHarness harness(one, form, kPlain);
                      harness.begin();
                      run_for("runs", harness);
                      harness.close();
                      return {};
                    });
}

CheckResult check_shape(const SuiteCase& one) {
  return after_plain_epochs(one, "output-mismatch", "let describe, infer and process say the same: dtype, shape, rows",
                            shape_differs);
}

CheckResult check_range(const SuiteCase& one) {
  return after_plain_epochs(one, "range-left", "let infer give the range that process keeps, or none", range_left);
}

CheckResult check_end(const SuiteCase& one) {
  return after_plain_epochs(
      one, "epoch-not-ended", "hand on last_in_epoch of the input, with the last packet of each output",
      [](const SuiteCase& c, const SuiteHarness& harness) { return epoch_not_ended(c, harness, kPlain); });
}

CheckResult check_one_row(const SuiteCase& one) {
  return check_scenario(one, kOneRow, "epochs of a single row have to work");
}

CheckResult check_empty_epoch(const SuiteCase& one) {
  return check_scenario(one, kEmpty,
                        "an epoch of no rows is one block of 0 rows with last_in_epoch; it ends as any other");
}

CheckResult check_odd_batch(const SuiteCase& one) {
  return check_scenario(one, kOdd,
                        "the last block of an epoch has fewer rows than the others; take packet.rows, not max_rows");
}

}  // namespace millrace::testing
