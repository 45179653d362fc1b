#include "peer_config.hpp"

#include "run_json.hpp"
#include "terminal.hpp"

#include <millrace/build_info.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

namespace millrace::pipelines {
namespace {

constexpr const char* kInvalid = "invalid";

std::string text_of(const CheckedConfig& checked) {
  if (!checked.diagnostics.empty()) return kInvalid;
  return fmt::format("{} {}; device {}", checked.graph.config_hash, build_info().describe(),
                     checked.graph.device.id.kind);
}

Diagnostic difference(std::size_t rank, const std::string& theirs, const std::string& first) {
  Diagnostic diagnostic;
  diagnostic.kind = ErrorKind::config;
  diagnostic.name = "rank-config";
  diagnostic.help = "start every process with the same files, arguments, environment, build and kind of device";
  if (theirs == kInvalid)
    diagnostic.message = fmt::format("the config of rank {} is not valid; its errors are above or below", rank);
  else if (theirs.substr(0, 64) != first.substr(0, 64))
    diagnostic.message = fmt::format("rank {} has another config than rank 0: config hash {} instead of {}", rank,
                                     theirs.substr(0, 64), first.substr(0, 64));
  else
    diagnostic.message = fmt::format("rank {} runs another build or on another device than rank 0: {} instead of {}",
                                     rank, theirs.substr(65), first.substr(65));
  return diagnostic;
}

}  // namespace

void write_errors(const Diagnostics& diagnostics, const CommandOptions& options, const Peers* peers) {
  const std::string text = render(diagnostics, style_of(STDERR_FILENO, options.color).color);
  write_note(peers == nullptr ? text : fmt::format("rank {}: {}", peers->ranks().rank, text));
}

int agree_on_config(Peers& peers, const CheckedConfig& checked, const CommandOptions& options) {
  const std::vector<std::string> all = peers.all_gather(text_of(checked), "comparison of configs");
  const bool is_first = peers.ranks().rank == 0;
  Diagnostics found;
  if (!checked.diagnostics.empty()) {
    if (is_first || all.front() != kInvalid) write_errors(checked.diagnostics, options, &peers);
    if (is_first && options.json) write_result(errors_json(checked.diagnostics));
    return checked.diagnostics.exit_code();
  }
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all.front()) found.add(difference(rank, all[rank], all.front()));
  if (found.empty()) return 0;
  if (is_first) write_errors(found, options, &peers);
  if (is_first && options.json) write_result(errors_json(found));
  return found.exit_code();
}

}  // namespace millrace::pipelines
