// Each run begins at a checkpoint of its own: its bits are those that it had, wherever it begins.
#include "compared_run.hpp"

#include "command/slices/slice_run.hpp"
#include "command/slices/tensor_values.hpp"
#include "command/training/resumed_run.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace::pipelines {
namespace {

[[noreturn]] void fail(const char* name, ErrorKind kind, const std::string& folder, const std::string& why) {
  throw Error(kind, name, fmt::format("run `{}` cannot be computed once more: {}", folder, why),
              "what its parts say stands above");
}

SeenRow seen(const Packet& packet, std::uint64_t row) {
  const std::uint64_t at = row - packet.header.first_row;
  SeenRow found{packet.sample_ids()[at], {}};
  for (const Field& field : packet.fields)
    found.fields.emplace_back(field.name, values_of(field.tensor.slice(static_cast<std::int64_t>(at), 1)));
  return found;
}

}  // namespace

ComparedRun::ComparedRun(std::string folder, const ConfigOptions& options)
    : folder_(std::move(folder)), options_(options), checked_(check_config_of(folder_, options)) {
  become_past_run(*checked_, folder_);
  if (!checked_->diagnostics.has_errors()) return;
  tell_checked(checked_->diagnostics, VerbOptions());
  fail("run-invalid", ErrorKind::config, folder_, "its config has errors");
}

// What lies in the memory of a device is not the host's to read; what comes of it there is.
std::vector<OutputName> ComparedRun::readable_outputs() const {
  std::vector<OutputName> outputs;
  for (const ValidatedNode& node : checked_->graph.nodes) {
    const bool is_on_device = node.info->spec.does_copy_to_device() && checked_->graph.device.id.kind != "cpu";
    for (const auto& [port, spec] : node.outputs)
      if (!is_on_device || spec.kind != PortKind::data) outputs.push_back({node.name, port});
  }
  return outputs;
}

void ComparedRun::run(std::uint32_t epoch, const std::vector<OutputName>& outputs, std::vector<Capture> captures,
                      RunObserver* observer) {
  enter_folder_of(folder_);
  Diagnostics diagnostics;
  const GraphSpec spec = cut_slice(checked_->spec, checked_->graph, checked_->registry, {.captured = outputs});
  ValidatedGraph slice = check_slice(spec, checked_->graph, checked_->registry, diagnostics);
  if (!tell_checked(diagnostics, VerbOptions()))
    fail("run-invalid", ErrorKind::config, folder_, "its config has errors");
  PastStates from = states_before(folder_, *checked_, slice, epoch, false);
  slice.first_epoch = from.first_epoch;
  slice.epochs = epoch;
  place_ = from.place;
  const RunReport report =
      run_slice(slice, SliceRun{std::move(captures), std::move(from.states), observer}, VerbOptions());
  if (report.exit_code != 0) fail("diff-failed", ErrorKind::run, folder_, report.reason);
}

EpochTrace ComparedRun::trace(std::uint32_t epoch) {
  EpochTracer tracer(epoch);
  std::vector<Capture> captures;
  const std::vector<OutputName> outputs = readable_outputs();
  for (const OutputName& output : outputs) captures.push_back(tracer.capture(output));
  run(epoch, outputs, std::move(captures), &tracer);
  return tracer.take();
}

std::optional<SeenRow> ComparedRun::row(std::uint32_t epoch, const OutputName& output, std::uint64_t row) {
  std::optional<SeenRow> found;
  Capture capture{output.node, output.port, [&](const CapturedPacket& captured) {
                    const Packet& packet = captured.packet;
                    const std::uint64_t first = packet.header.first_row;
                    if (captured.epoch == epoch && row >= first && row < first + packet.sample_ids().size())
                      found = seen(packet, row);
                    return !found.has_value();
                  }};
  run(epoch, {output}, {std::move(capture)}, nullptr);
  return found;
}

}  // namespace millrace::pipelines
