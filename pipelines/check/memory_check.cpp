// What a refusal is worth is the way out: it names the largest terms, each with the setting that makes it smaller.
#include "memory_check.hpp"

#include "diagnostics/quantity_text.hpp"
#include "memory_estimate.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/process_limits.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kTermsShown = 3;

/// A part of the bound.
struct Term {
  std::size_t bytes = 0;
  std::string text;             ///< "data set of `train`: --set train.rows=[0,N] takes fewer rows"
  std::size_t node = SIZE_MAX;  ///< none: of the whole run
};

/// What does not fit, and whose limit it breaks.
struct Shortage {
  std::size_t needed = 0;
  ProcessLimit limit;
  std::string who;         ///< "the run"
  bool everywhere = true;  ///< all processes together; else only the run's own, or that of `node`
  std::size_t node = SIZE_MAX;
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

// Of the stages that work where the memory is short.
void add_work(const ValidatedGraph& graph, const Shortage& shortage, std::vector<Term>& terms) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const MemoryUse& use : graph.nodes[i].memory) {
      if (!shortage.everywhere && (shortage.node == SIZE_MAX ? graph.nodes[i].isolated : shortage.node != i)) continue;
      terms.push_back(
          {use.bytes, fmt::format("{} of `{}`: {}", use.what, graph.nodes[i].name, smaller_work(graph.nodes[i])), i});
    }
}

void add_processes(const MemoryEstimate& estimate, std::vector<Term>& terms) {
  Term all;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < estimate.nodes.size(); ++i) {
    if (estimate.nodes[i].process == 0) continue;
    all.bytes += estimate.nodes[i].process;
    if (count++ == 0) all.node = i;
  }
  all.text =
      fmt::format("{} of isolated nodes: `isolate: process` for fewer of them", counted(count, "process", "processes"));
  terms.push_back(std::move(all));
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

void add_models(const MemoryEstimate& estimate, std::vector<Term>& terms) {
  for (std::size_t i = 0; i < estimate.nodes.size(); ++i)
    terms.push_back(
        {estimate.nodes[i].models,
         fmt::format("snapshots of the model of `{}`: a smaller model, or epochs_ahead: 0", estimate.nodes[i].node),
         i});
}

/// What is short in the run's own process, and for all of them that of the others.
void add_run(const ValidatedGraph& graph, const MemoryEstimate& estimate, const Shortage& shortage,
             std::vector<Term>& terms) {
  terms.push_back({estimate.program, "the program itself, with its libraries"});
  terms.push_back({estimate.threads, fmt::format("{} threads: --threads N", graph.threads)});
  terms.push_back({estimate.history, fmt::format("the values of {} epochs", graph.epochs)});
  terms.push_back({estimate.kept, "checkpoints and the run's folder (--no-keep leaves none)"});
  add_flow(graph, estimate, terms);
  add_models(estimate, terms);
  if (shortage.everywhere) add_processes(estimate, terms);
}

/// The largest first.
std::vector<Term> terms_of(const ValidatedGraph& graph, const MemoryEstimate& estimate, const Shortage& shortage) {
  std::vector<Term> terms;
  add_work(graph, shortage, terms);
  if (shortage.node == SIZE_MAX)
    add_run(graph, estimate, shortage, terms);
  else
    terms.push_back(
        {estimate.nodes[shortage.node].process, "the process itself, with packets that it shares", shortage.node});
  std::stable_sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) { return a.bytes > b.bytes; });
  return terms;
}

/// `ulimit` counts for each process alone, so that the largest of them decides.
std::optional<Shortage> own_shortage(const MemoryEstimate& estimate) {
  const std::optional<ProcessLimit> limit = own_memory_limit();
  if (!limit) return {};
  if (estimate.in_own_process() > limit->value)
    return Shortage{estimate.in_own_process(), *limit, "the run's own process", false, SIZE_MAX};
  for (std::size_t i = 0; i < estimate.nodes.size(); ++i) {
    const MemoryEstimate::NodeBytes& node = estimate.nodes[i];
    if (node.process > 0 && !node.on_device && node.working > limit->value)
      return Shortage{node.working, *limit, fmt::format("the process of node `{}`", node.node), false, i};
  }
  return {};
}

std::optional<Shortage> shortage_of(const ValidatedGraph& graph, const MemoryEstimate& estimate) {
  // `check` and `plan` look at a process that is alone.
  const ProcessLimit limit = shared_memory_limit({}, graph.ranks.local_size);
  if (estimate.on_host() > limit.value) return Shortage{estimate.on_host(), limit, "the run"};
  std::optional<Shortage> own = own_shortage(estimate);
  if (own && estimate.in_own_process() == estimate.on_host()) own->who = "the run";  // it has one process
  return own;
}

}  // namespace

void check_memory(const ValidatedGraph& graph, Diagnostics& diagnostics) {
  const MemoryEstimate estimate = memory_estimate(graph);
  const std::optional<Shortage> shortage = shortage_of(graph, estimate);
  if (!shortage) return;
  const std::vector<Term> terms = terms_of(graph, estimate, *shortage);
  Diagnostic diagnostic{
      {.kind = ErrorKind::config,
       .name = "too-little-memory",
       .message = fmt::format("{} may take {} of memory, and there are {} ({})", shortage->who,
                              text_of(shortage->needed), text_of(shortage->limit.value), shortage->limit.from),
       .help = "lower what takes most, or run where there is more memory; `pipeline-run plan` has all terms"}};
  const auto largest = std::find_if(terms.begin(), terms.end(), [](const Term& t) { return t.node != SIZE_MAX; });
  if (largest != terms.end()) diagnostic.where = graph.nodes[largest->node].where;
  for (std::size_t i = 0; i < std::min(kTermsShown, terms.size()); ++i)
    if (terms[i].bytes > 0) diagnostic.notes.push_back(fmt::format("{} {}", text_of(terms[i].bytes), terms[i].text));
  diagnostics.add(std::move(diagnostic));
}

}  // namespace millrace::pipelines
