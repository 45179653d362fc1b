// `pipeline-run plan CONFIG`: what a run would take. Where there is too little memory, the plan says what takes it.
#include "command/pages/plan.hpp"
#include "check/memory_check.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/loading/training_graph.hpp"
#include "command/pages/loaded_plugins.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <string>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kFewestDigits = 12, kDigits = 64;

struct PlanOptions : ConfigOptions {
  std::string expected;  ///< the first digits of the plan's SHA-256 at least; empty: any
};

void require_expected(const CheckedConfig& checked, const std::string& expected) {
  const std::string found = plan_sha256(checked.graph, checked.registry);
  if (found.starts_with(expected)) return;
  Error error(ErrorKind::config, "plan-differs", fmt::format("the plan is {}, expected was {}", found, expected),
              "if the change is meant, expect the new one; `plan --json` before and after it says what has changed");
  throw error.add_note("it is the same on all machines: neither device, threads nor memory are in it");
}

int act_plan(const PlanOptions& options) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  look_for_data(*checked, options);
  leave_test_out(*checked, nullptr);
  if (checked->diagnostics.has_errors()) {
    note_loaded_plugins(checked->registry);
    return report_errors(*checked, options);
  }
  tell_warnings(checked->diagnostics, options);
  require_expected(*checked, options.expected);
  print_plan(checked->graph, checked->registry, options.json);
  Diagnostics beyond;
  check_memory(checked->graph, beyond);
  if (beyond.empty()) return 0;
  write_note(render(beyond, look_of(STDERR_FILENO, options.color)));
  return beyond.exit_code();
}

std::string conflict(const PlanOptions& options) {
  const std::string& digits = options.expected;
  const bool is_digest = digits.size() >= kFewestDigits && digits.size() <= kDigits &&
                         digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (digits.empty() || is_digest) return "";
  return fmt::format("--expect takes {} to {} hexadecimal digits, in small letters", kFewestDigits, kDigits);
}

const RegisteredVerb kPlan({.name = "plan",
                            .group = VerbGroup::config,
                            .summary = "shapes and bytes of every edge, model, budgets, memory",
                            .target = config_target(),
                            .options = config_options({json_option(),
                                                       {.name = "expect",
                                                        .kind = ValueKind::text,
                                                        .placeholder = "SHA",
                                                        .help = "Fail if the plan is not the one with this SHA-256",
                                                        .example = "04065137cc79",
                                                        .store = into(&PlanOptions::expected)}}),
                            .examples = {"pipeline-run plan mnist_mlp --set train_batches.batch_size=128"},
                            .conflict = on_own(conflict)},
                           act_plan);

}  // namespace
}  // namespace millrace::pipelines
