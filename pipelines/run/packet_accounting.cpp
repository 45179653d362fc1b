// Compares the counts of each edge and source after the run, and says which stage is likely at fault.
#include "packet_accounting.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

RunFailure lost(const EdgeCount& edge, const std::string& what, std::string help) {
  return {{.name = "lost-packet",
           .message = fmt::format("edge {} -> {}: {}", edge.from, edge.to, what),
           .help = std::move(help),
           .notes = {fmt::format("emitted {}, taken {}, discarded {}, waiting {}", edge.emitted, edge.taken,
                                 edge.discarded, edge.waiting)}}};
}

bool balances(const EdgeCount& edge) { return edge.emitted == edge.taken + edge.discarded + edge.waiting; }

void check_edge(const EdgeCount& edge, std::uint32_t epochs, bool cut_short, std::vector<RunFailure>& failures) {
  if (!balances(edge))
    failures.push_back(
        lost(edge,
             fmt::format("{} emitted and {} accounted for", counted(edge.emitted, "packet was", "packets were"),
                         edge.taken + edge.discarded + edge.waiting),
             "this is a defect of the engine"));
  if (cut_short) return;
  if (edge.waiting != 0)
    failures.push_back(lost(edge,
                            counted(edge.waiting, "packet waits", "packets wait") + " for a partner that never came",
                            "joined inputs must get equally many packets; look for a stage upstream that drops some"));
  if (edge.discarded != 0)
    failures.push_back(
        lost(edge, counted(edge.discarded, "packet was", "packets were") + " discarded, but nobody stopped the run",
             "this is a defect of the engine"));
  if (edge.carries_rows && edge.epochs_ended != epochs)
    failures.push_back(lost(
        edge,
        fmt::format("the end of {} arrived, expected were {}", counted(edge.epochs_ended, "epoch", "epochs"), epochs),
        "a stage must pass on last_in_epoch once an epoch on every data output"));
}

RunFailure kept_packet(const KeptCount& kept) {
  return failure_of_node(kept.node, kept.stage, kept.where,
                         {.name = "kept-packet",
                          .message = fmt::format("node `{}` still kept {} when the run had ended", kept.node,
                                                 counted(kept.count, "block or epoch", "blocks or epochs")),
                          .help = "a stage must let go of every packet of an epoch by its last_in_epoch"});
}

RunFailure leaked_leases(std::size_t count) {
  return {{.name = "kept-packet",
           .message = fmt::format("after every stage is gone, something still keeps {}",
                                  counted(count, "block or epoch", "blocks or epochs")),
           .help = "something outlives its stage and keeps a packet: a static variable or a thread of a plugin"}};
}

std::string help_for(const SourceCount& source) {
  if (source.limit != CreditLedger::Limit::bytes) return "this is a defect of the engine";
  return fmt::format(
      "{} still held downstream; raise `run: {{bytes: {}}}` of `{}` by {} or more, or leave that "
      "limit out where stages drop rows: blocks are then allowed as they are needed; or look for a stage that keeps "
      "packets",
      counted(source.blocks_alive, "block of it is", "blocks of it are"), source.declared_bytes, source.node,
      source.bytes - source.declared_bytes + source.block_bytes);
}

RunFailure unfinished_epoch(const SourceCount& source, std::uint32_t epochs) {
  const bool by_bytes = source.limit == CreditLedger::Limit::bytes;
  return failure_of_node(source.node, source.stage, source.where,
                         {.name = "unfinished-epoch",
                          .message = fmt::format("source `{}` finished {} of {}, then nothing moved any more: {}",
                                                 source.node, source.epochs, counted(epochs, "epoch", "epochs"),
                                                 by_bytes ? "its limit of bytes is reached" : "it got no credit"),
                          .help = help_for(source)});
}

}  // namespace

std::vector<RunFailure> check_edges(const std::vector<EdgeCount>& edges, std::uint32_t epochs, bool cut_short) {
  std::vector<RunFailure> failures;
  for (const EdgeCount& edge : edges) check_edge(edge, epochs, cut_short, failures);
  return failures;
}

bool is_unfinished(const std::vector<SourceCount>& sources, std::uint32_t epochs) {
  return std::any_of(sources.begin(), sources.end(), [&](const SourceCount& s) { return s.epochs != epochs; });
}

std::vector<RunFailure> check_ends(const std::vector<SourceCount>& sources, const std::vector<KeptCount>& kept,
                                   std::size_t leaked, std::uint32_t epochs) {
  using Limit = CreditLedger::Limit;
  const auto is_stuck = [&](const SourceCount& s, Limit limit) { return s.epochs != epochs && s.limit == limit; };
  std::vector<RunFailure> failures;
  // A source that has blocks left waits for another one, which has not.
  for (const SourceCount& source : sources)
    if (is_stuck(source, Limit::bytes)) failures.push_back(unfinished_epoch(source, epochs));
  for (RunFailure& failure : failures)
    for (const KeptCount& k : kept)
      failure.notes.push_back(
          fmt::format("node `{}` kept {}", k.node, counted(k.count, "block or epoch", "blocks or epochs")));
  if (!failures.empty()) return failures;
  for (const KeptCount& k : kept) failures.push_back(kept_packet(k));
  if (leaked != 0) failures.push_back(leaked_leases(leaked));
  if (!failures.empty()) return failures;
  for (const SourceCount& source : sources)
    if (source.epochs != epochs) failures.push_back(unfinished_epoch(source, epochs));
  return failures;
}

}  // namespace millrace::pipelines
