// Nothing is lost silently.
#include "conservation.hpp"

#include <millrace/counted.hpp>

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

RunFailure failure_of(std::string name, std::string message, std::string help) {
  RunFailure failure;
  failure.kind = ErrorKind::run;
  failure.name = std::move(name);
  failure.message = std::move(message);
  failure.help = std::move(help);
  return failure;
}

RunFailure lost(const EdgeCount& edge, const std::string& what, std::string help) {
  RunFailure failure =
      failure_of("lost-packet", fmt::format("edge {} -> {}: {}", edge.from, edge.to, what), std::move(help));
  failure.notes.push_back(fmt::format("emitted {}, taken {}, discarded {}, waiting {}", edge.emitted, edge.taken,
                                      edge.discarded, edge.waiting));
  return failure;
}

bool balances(const EdgeCount& edge) { return edge.emitted == edge.taken + edge.discarded + edge.waiting; }

void check_edge(const EdgeCount& edge, std::uint32_t passes, bool stopped, std::vector<RunFailure>& failures) {
  if (!balances(edge))
    failures.push_back(
        lost(edge,
             fmt::format("{} emitted and {} accounted for", counted(edge.emitted, "packet was", "packets were"),
                         edge.taken + edge.discarded + edge.waiting),
             "this is a defect of the engine"));
  if (stopped) return;
  if (edge.waiting != 0)
    failures.push_back(lost(edge,
                            counted(edge.waiting, "packet waits", "packets wait") + " for a partner that never came",
                            "joined inputs must get equally many packets; look for a stage upstream that drops some"));
  if (edge.discarded != 0)
    failures.push_back(
        lost(edge, counted(edge.discarded, "packet was", "packets were") + " discarded, but nobody stopped the run",
             "this is a defect of the engine"));
  if (edge.carries_rows && edge.passes_ended != passes)
    failures.push_back(lost(
        edge,
        fmt::format("the end of {} arrived, expected were {}", counted(edge.passes_ended, "pass", "passes"), passes),
        "a stage must pass on last_in_epoch once a pass on every data output"));
}

}  // namespace

std::vector<RunFailure> check_conservation(const std::vector<EdgeCount>& edges, const std::vector<SourceCount>& sources,
                                           std::uint32_t passes, bool stopped) {
  std::vector<RunFailure> failures;
  for (const SourceCount& source : sources) {
    if (stopped || source.passes == passes) continue;
    failures.push_back(failure_of(
        "unfinished-pass",
        fmt::format("source `{}` finished {} of {}, then nothing moved any more", source.node, source.passes,
                    counted(passes, "pass", "passes")),
        fmt::format("{} of its {} still held downstream; raise `run: {{blocks}}` of `{}`, or look for a stage "
                    "that keeps packets",
                    source.blocks_alive, counted(source.budget, "block is", "blocks are"), source.node)));
    failures.back().node = source.node;
  }
  for (const EdgeCount& edge : edges) check_edge(edge, passes, stopped, failures);
  return failures;
}

}  // namespace millrace::pipelines
