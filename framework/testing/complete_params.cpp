// Parameters of a test, checked as those of a config are.
#include <millrace/detail/param_check.hpp>
#include <millrace/error.hpp>
#include <millrace/testing/stage_tester.hpp>

namespace millrace::testing {

ParamValue complete_params(const std::vector<Param>& schema, const ParamValue::Map& params) {
  std::vector<ParamFault> faults;
  const ParamValue given(params);
  ParamValue complete = check_params(GivenValue(given), schema, {"the stage", "the stage"}, faults);
  if (faults.empty()) return complete;
  throw Error(ErrorKind::config, faults.front().name, faults.front().message(), faults.front().help);
}

}  // namespace millrace::testing
