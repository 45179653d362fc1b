// Every rank sends what it has and judges all of it, so that all come to one end without another word.
#include "peer_config.hpp"

#include "command/pages/loaded_plugins.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/terminal.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/detail/device_bits.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr const char* kInvalid = "invalid";

// What must be equal on all ranks, a line each; `differs` names them in the same order.
constexpr const char* kCompared[] = {"has another config than rank 0: config hash",
                                     "runs another build than rank 0:", "multiplies by other instructions than rank 0:",
                                     "runs on another device than rank 0:", "runs other plugins than rank 0:"};

std::string plugins_text(const ValidatedGraph& graph) {
  std::string text;
  for (const UsedPlugin& plugin : used_plugins(graph))
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", plugin.name, plugin.version, plugin.sha256);
  // A message between ranks has room for a few.
  return text.empty() ? "none" : text.size() > 500 ? sha256_hex(text) : text;
}

// With what its bits depend on: two GPUs of one kind may multiply differently.
std::string device_text(const DeviceId& id) {
  const std::string bits = device_bits(id);
  return bits.empty() ? id.kind : fmt::format("{} ({})", id.kind, bits);
}

std::string text_of(const CheckedConfig& checked) {
  if (checked.diagnostics.has_errors()) return kInvalid;
  const BuildInfo build = build_info();
  return fmt::format("{}\n{}, oneDNN {}\n{}\n{}\n{}", checked.graph.config_hash, build.describe(), build.onednn,
                     build.isa, device_text(checked.graph.device.id), plugins_text(checked.graph));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text)
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  return lines;
}

/// "rank 1 has another config than rank 0: config hash 12 instead of 34; ..."
std::string differences(std::size_t rank, const std::string& theirs, const std::string& first) {
  const std::vector<std::string> of_theirs = lines_of(theirs), of_first = lines_of(first);
  std::string text = fmt::format("rank {} ", rank);
  for (std::size_t i = 0, told = 0; i < std::min(of_theirs.size(), of_first.size()); ++i) {
    if (of_theirs[i] == of_first[i]) continue;
    text += fmt::format("{}{} {} instead of {}", told++ == 0 ? "" : "; it ", kCompared[i], of_theirs[i], of_first[i]);
  }
  return text;
}

Diagnostic difference(std::size_t rank, const std::string& theirs, const std::string& first) {
  return {{.kind = ErrorKind::config,
           .name = "rank-config",
           .message = theirs == kInvalid
                          ? fmt::format("the config of rank {} is not valid; its errors are above or below", rank)
                          : differences(rank, theirs, first),
           .help = "start every process with the same files, arguments, environment, build, plugins and device "
                   "of one model; ONEDNN_MAX_CPU_ISA gives unlike processors the same instructions"}};
}

std::string paths_text(const DataInfo& source) {
  if (source.files.empty()) return "its rows";
  return source.files.size() == 1
             ? source.files.front()
             : fmt::format("{} and {}", source.files.front(), counted(source.files.size() - 1, "more file"));
}

/// Tells what was found, on rank 0. The exit code of all.
int tell(const Diagnostics& found, const VerbOptions& options, const Peers& peers) {
  if (found.empty()) return 0;
  const bool is_first = peers.ranks().rank == 0;
  if (is_first) write_errors(found, options, &peers);
  if (is_first && options.json) write_result(errors_json(found));
  return found.exit_code();
}

/// Of one source, what other ranks read that rank 0 does not.
void compare_source(Peers& peers, const ValidatedGraph& graph, const DataInfo& source, Diagnostics& found) {
  const std::vector<std::string> all = peers.all_gather(source.text(), "comparison of data");
  const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                 [&](const ValidatedNode& n) { return n.name == source.node; });
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all.front())
      found.add({{.kind = ErrorKind::config,
                  .name = "rank-data",
                  .message = fmt::format("node `{}` ({}) reads other data on rank {} than on rank 0: {}; instead of {}",
                                         source.node, node->info->name, rank, all[rank], all.front()),
                  .help = fmt::format("give every process the same content of {}", paths_text(source))},
                 node->where});
}

}  // namespace

void write_errors(const Diagnostics& diagnostics, const VerbOptions& options, const Peers* peers) {
  const std::string text = render(diagnostics, look_of(STDERR_FILENO, options.color));
  write_note(peers == nullptr ? text : fmt::format("rank {}: {}", peers->ranks().rank, text));
}

int agree_on_config(Peers& peers, const CheckedConfig& checked, const VerbOptions& options) {
  const std::vector<std::string> all = peers.all_gather(text_of(checked), "comparison of configs");
  const bool is_first = peers.ranks().rank == 0;
  Diagnostics found;
  if (checked.diagnostics.has_errors()) {
    if (is_first || all.front() != kInvalid) write_errors(checked.diagnostics, options, &peers);
    if (is_first && options.json) write_result(errors_json(checked.diagnostics, loaded_plugins_json(checked.registry)));
    return checked.diagnostics.exit_code();
  }
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all.front()) found.add(difference(rank, all[rank], all.front()));
  return tell(found, options, peers);
}

int agree_on_data(Peers& peers, const ValidatedGraph& graph, const std::vector<DataInfo>& data,
                  const VerbOptions& options) {
  std::string mine;
  for (const DataInfo& source : data) mine += source.text() + "\n";
  const std::vector<std::string> all = peers.all_gather(sha256_hex(mine), "comparison of data");
  Diagnostics found;
  if (std::any_of(all.begin(), all.end(), [&](const std::string& text) { return text != all.front(); }))
    for (const DataInfo& source : data) compare_source(peers, graph, source, found);
  return tell(found, options, peers);
}

void tell_peer_warnings(Peers& peers, const Diagnostics& checked, const VerbOptions& options, bool quiet) {
  Diagnostics warnings;
  for (Diagnostic& warning : checked.warnings()) warnings.add(std::move(warning));
  const std::vector<std::string> all = peers.all_gather(sha256_hex(render(warnings)), "comparison of warnings");
  const std::size_t rank = static_cast<std::size_t>(peers.ranks().rank);
  if (quiet) return;
  if (rank == 0) return tell_warnings(checked, options);
  if (!warnings.empty() && all[rank] != all.front()) write_errors(warnings, options, &peers);
}

}  // namespace millrace::pipelines
