// Targets are taken where they still lie on the host, before what copies them to a device.
#include "judged_rows.hpp"

#include "check/memory_check.hpp"
#include "slice/slice.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

/// The output whose records the way's data are, on the host.
OutputName host_data(const ValidatedGraph& graph, OutputName output) {
  for (;;) {
    const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                   [&](const ValidatedNode& each) { return each.name == output.node; });
    if (node == graph.nodes.end() || !node->info->spec.does_copy_to_device() || node->inputs.size() != 1) return output;
    output = {graph.nodes[node->inputs.front().from_node].name, node->inputs.front().from_port};
  }
}

std::vector<float> copy_of(const Tensor& tensor) {
  const std::span<const float> values = tensor.f32();
  return {values.begin(), values.end()};
}

/// Batches of which one half has come. Any thread.
class Halves {
 public:
  Halves(bool wants_input, const std::function<void(const JudgedBatch&)>& take)
      : wants_input_(wants_input), take_(take) {}

  void take_wanted(const Packet& packet) {
    const std::lock_guard lock(mutex_);
    JudgedBatch& batch = waiting_[packet.header.first_row];
    batch.first_row = packet.header.first_row;
    batch.wanted = copy_of(packet.tensor("targets"));
    if (wants_input_) batch.input = copy_of(packet.tensor("inputs"));
    end(batch, packet);
  }
  void take_given(const Packet& packet) {
    const std::lock_guard lock(mutex_);
    JudgedBatch& batch = waiting_[packet.header.first_row];
    batch.given = copy_of(packet.tensor());
    batch.ids.assign(packet.sample_ids().begin(), packet.sample_ids().end());
    end(batch, packet);
  }

 private:
  void end(JudgedBatch& batch, const Packet& packet) {
    if (packet.rows == 0 || batch.wanted.size() != batch.given.size()) return;
    batch.width = batch.given.size() / static_cast<std::size_t>(packet.rows);
    take_(batch);
    waiting_.erase(packet.header.first_row);
  }

  const bool wants_input_;
  const std::function<void(const JudgedBatch&)>& take_;
  std::mutex mutex_;
  std::map<std::uint64_t, JudgedBatch> waiting_;
};

ValidatedGraph slice_for(const CheckedConfig& checked, const JudgedModel& model, const OutputName& data,
                         Diagnostics& diagnostics) {
  GraphSpec spec =
      cut_slice(checked.spec, checked.graph, checked.registry,
                {.captured = {predictions(), data}, .added = predicting_nodes(checked, model.way, model.checkpoint)});
  spec.epochs = model.epoch;
  ValidatedGraph slice = check_slice(spec, checked.graph, checked.registry, diagnostics);
  slice.first_epoch = model.epoch;
  return slice;
}

}  // namespace

void run_to_end(ValidatedGraph& slice, const Diagnostics& diagnostics, std::vector<Capture> captures,
                const SliceWatch& watch) {
  Diagnostics all = diagnostics;
  if (!all.has_errors()) check_memory(slice, all);
  if (all.has_errors()) {
    const Diagnostic first = all.sorted().front();
    throw Error(first.kind, first.name, first.message, first.help);
  }
  const RunReport report = run_watched_slice(slice, SliceRun{std::move(captures)}, watch);
  if (!report.failures.empty()) {
    const RunFailure& first = report.failures.front();
    throw Error(first.kind, first.name, first.message, first.help);
  }
  if (report.exit_code != 0) throw Error(ErrorKind::run, "interrupted", fmt::format("it ended by {}", report.reason));
}

void judge_rows(const CheckedConfig& checked, const JudgedModel& model, const SliceWatch& watch,
                const std::function<void(const JudgedBatch&)>& take) {
  const OutputName data = host_data(checked.graph, model.way.data);
  Diagnostics diagnostics;
  ValidatedGraph slice = slice_for(checked, model, data, diagnostics);
  Halves halves(model.way.model->inputs == 1, take);
  Capture wanted{data.node, data.port, [&](const CapturedPacket& captured) {
                   halves.take_wanted(captured.packet);
                   return true;
                 }};
  Capture given{predictions().node, predictions().port, [&](const CapturedPacket& captured) {
                  halves.take_given(captured.packet);
                  return true;
                }};
  run_to_end(slice, diagnostics, {std::move(wanted), std::move(given)}, watch);
}

}  // namespace millrace::pipelines
