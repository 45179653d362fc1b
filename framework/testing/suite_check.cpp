// Runs a check over each accepted form of input until one fails; what the stage throws is a finding too.
#include "suite_check.hpp"

#include <millrace/detail/stage_error.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace millrace::testing {
namespace {

std::string text_of(const Error& error) {
  return fmt::format("{}: {}{}{}", error.name(), error.message(), error.help().empty() ? "" : "; help: ", error.help());
}

// Which check tells of a broken contract; "runs" tells of all that has no check of its own.
std::string_view check_of(const Error& error) {
  if (error.name() == "output-mismatch") return error.name();
  if (error.name() == "serial-contract") return "epoch-not-ended";
  return "runs";
}

}  // namespace

const Scenario kPlain{{8, 8, 8, 8}, {8, 8, 8, 8}};

CheckResult not_applicable(std::string why) { return {Verdict::not_applicable, std::move(why), {}, false}; }

Finding caught(const std::function<Finding()>& body) {
  try {
    return body();
  } catch (...) {
    const Error error = stage_error(std::current_exception());
    if (error.kind() == ErrorKind::data) throw;
    return text_of(error);
  }
}

// A stage that complains of the data it is fed with has failed.
CheckResult over_forms(const SuiteCase& one, const char* help, const std::function<Finding(const InputForm&)>& check) {
  try {
    for (const InputForm& form : forms_of(one).accepted) {
      const Finding finding = caught([&] { return check(form); });
      if (!finding) continue;
      return {Verdict::failed, form.text.empty() ? *finding : fmt::format("{}; given {}", *finding, form.text), help,
              false};
    }
  } catch (const Error& error) {
    if (one.info.kind == StageKind::source)
      return {Verdict::not_applicable, "it needs data that is not there: " + text_of(error), {}, true};
    return {Verdict::failed, text_of(error), help, false};
  }
  return {};
}

void run_for(std::string_view check, SuiteHarness& harness) {
  try {
    harness.run();
  } catch (const Error& error) {
    const std::string_view teller = check_of(error);
    if (teller == check || teller == "runs") throw;
  }
}

}  // namespace millrace::testing
