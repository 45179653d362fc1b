// Whoever has no use for a kept run is told how to do without, at the first thing that cannot be written.
#include "record_failure.hpp"

#include "run_parts.hpp"

#include <millrace/files/claim.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

constexpr const char* kWaysOut = "`--runs DIR` keeps runs in another folder, `--no-keep` keeps none";

}  // namespace

Error unwritable_record(const std::string& doing, const std::string& path, int error) {
  return {ErrorKind::output, "output-unwritable",
          fmt::format("cannot {} `{}`: {}", doing, path, std::generic_category().message(error))};
}

Error run_in_use(const std::string& folder) {
  const ClaimHolder holder = claim_holder((std::filesystem::path(folder) / run_parts::kClaim).string());
  return {ErrorKind::output, "run-in-use",
          fmt::format("run `{}` is in use by process {} on {}", folder, holder.pid,
                      holder.host.empty() ? "an unknown machine" : holder.host),
          "wait until that has ended, or end it"};
}

Error with_ways_out(const Error& error) {
  if (error.kind() != ErrorKind::output) return error;
  Problem problem = error.problem();
  problem.help = problem.help.empty() ? kWaysOut : fmt::format("{}; {}", problem.help, kWaysOut);
  return Error(std::move(problem));
}

}  // namespace millrace::pipelines
