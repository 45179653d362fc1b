// What a refusal is worth is the way out: it names the largest terms, each with the setting that makes it smaller.
#include "memory_check.hpp"

#include "diagnostics/quantity_text.hpp"
#include "memory_estimate.hpp"

#include <millrace/process_limits.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kTermsShown = 3;

/// A part of the bound that the user can make smaller.
struct Term {
  std::size_t bytes = 0;
  std::string text;             ///< "data set of `train`: --set train.rows=[0,N] takes fewer rows"
  std::size_t node = SIZE_MAX;  ///< none: of the whole run
};

std::string text_of(std::size_t bytes) { return bytes_text(static_cast<double>(bytes)); }

bool takes(const ValidatedNode& node, std::string_view param) {
  const auto& params = node.info->spec.params();
  return std::any_of(params.begin(), params.end(), [&](const Param& p) { return p.name == param; });
}

std::string smaller_work(const ValidatedNode& node) {
  if (!node.inputs.empty()) return "a smaller batch or model";
  if (takes(node, "rows")) return fmt::format("--set {}.rows=[0,N] takes fewer rows", node.name);
  return "let it read less";
}

void add_work(const ValidatedGraph& graph, std::vector<Term>& terms) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const MemoryUse& use : graph.nodes[i].memory)
      terms.push_back(
          {use.bytes, fmt::format("{} of `{}`: {}", use.what, graph.nodes[i].name, smaller_work(graph.nodes[i])), i});
}

/// The source whose budget lets a node's rows live.
std::vector<std::size_t> roots(const ValidatedGraph& graph) {
  std::vector<std::size_t> root(graph.nodes.size());
  for (std::size_t i = 0; i < root.size(); ++i)
    root[i] = graph.nodes[i].inputs.empty() ? i : root[graph.nodes[i].inputs.front().from_node];
  return root;
}

std::string smaller_flow(const ValidatedNode& source) {
  std::int64_t rows = 0;
  for (const auto& [port, spec] : source.outputs) rows = std::max(rows, spec.max_rows);
  const std::string blocks = fmt::format("{} blocks of {} rows may be alive", source.budget_blocks, count_text(rows));
  if (source.budget_blocks > source.declared_blocks) return blocks + ", as the batches behind it need: smaller batches";
  return fmt::format("{}: a smaller {} or {}.run.blocks", blocks,
                     takes(source, "block_rows") ? source.name + ".block_rows" : "block", source.name);
}

void add_flow(const ValidatedGraph& graph, const MemoryEstimate& estimate, std::vector<Term>& terms) {
  const std::vector<std::size_t> root = roots(graph);
  std::map<std::size_t, std::size_t> bytes;
  for (std::size_t i = 0; i < estimate.nodes.size(); ++i) bytes[root[i]] += estimate.nodes[i].flowing;
  for (const auto& [source, flowing] : bytes)
    terms.push_back(
        {flowing, fmt::format("packets behind `{}`: {}", graph.nodes[source].name, smaller_flow(graph.nodes[source])),
         source});
}

/// The largest first.
std::vector<Term> terms_of(const ValidatedGraph& graph, const MemoryEstimate& estimate) {
  std::vector<Term> terms = {{estimate.threads, fmt::format("{} threads: --threads N", graph.threads)},
                             {estimate.history, fmt::format("the values of {} epochs", graph.epochs)}};
  add_work(graph, terms);
  add_flow(graph, estimate, terms);
  for (std::size_t i = 0; i < estimate.nodes.size(); ++i)
    terms.push_back(
        {estimate.nodes[i].models,
         fmt::format("snapshots of the model of `{}`: a smaller model, or epochs_ahead: 0", estimate.nodes[i].node),
         i});
  std::stable_sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) { return a.bytes > b.bytes; });
  return terms;
}

}  // namespace

void check_memory(const ValidatedGraph& graph, Diagnostics& diagnostics) {
  const MemoryEstimate estimate = memory_estimate(graph);
  // `check` and `plan` look at a process that is alone.
  const ProcessLimit limit = usable_memory({}, graph.ranks.local_size);
  if (estimate.on_host() <= limit.value) return;
  const std::vector<Term> terms = terms_of(graph, estimate);
  Diagnostic diagnostic;
  diagnostic.name = "too-little-memory";
  diagnostic.message = fmt::format("the run may take {} of memory, and there are {} ({})", text_of(estimate.on_host()),
                                   text_of(limit.value), limit.from);
  const auto largest = std::find_if(terms.begin(), terms.end(), [](const Term& t) { return t.node != SIZE_MAX; });
  if (largest != terms.end()) diagnostic.where = graph.nodes[largest->node].where;
  for (std::size_t i = 0; i < std::min(kTermsShown, terms.size()); ++i)
    if (terms[i].bytes > 0) diagnostic.notes.push_back(fmt::format("{} {}", text_of(terms[i].bytes), terms[i].text));
  diagnostic.help = "lower what takes most, or run where there is more memory; `pipeline-run plan` has all terms";
  diagnostics.add(std::move(diagnostic));
}

}  // namespace millrace::pipelines
