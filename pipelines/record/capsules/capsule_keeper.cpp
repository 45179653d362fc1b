// A capsule gets its name when all of it is on the disk. Packets of a transform are worked on side by side; of those that fail the run tells the first.
#include "capsule_keeper.hpp"

#include "capsule_files.hpp"
#include "process/command_error.hpp"
#include "record/folder/run_folder.hpp"

#include <millrace/detail/build_info.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <utility>

namespace millrace::pipelines {
namespace {

std::optional<UsedPlugin> plugin_of(const ValidatedGraph& graph, const ValidatedNode& node) {
  for (const UsedPlugin& plugin : used_plugins(graph))
    if (plugin.file == node.info->file) return plugin;
  return std::nullopt;
}

/// Why no capsule can be made of the call; empty where one can.
std::string obstacle(const FailedCall& call) {
  if (call.is_on_device) return "what it was given lies on the device";
  for (std::size_t i = 0; i < call.ports.size(); ++i)
    if (call.ports.spec(i).kind == PortKind::model) return "the node takes a model";
  if (call.ports.size() > 1 && call.node.info->spec.input_mode() != InputMode::joined)
    return "the node takes its inputs one by one";
  std::size_t bytes = 0;
  for (const Packet& packet : call.inputs)
    for (const Field& field : packet.fields) bytes += field.tensor.size_bytes();
  if (bytes <= kMostCapsuleBytes) return "";
  return fmt::format("it was given {} MiB, and {} are kept at most", bytes >> 20U, kMostCapsuleBytes >> 20U);
}

std::vector<CapsuleInput> inputs_of(const FailedCall& call) {
  std::vector<CapsuleInput> inputs;
  for (std::size_t i = 0; i < call.ports.size(); ++i) {
    CapsuleInput input{call.ports.name(i), call.ports.spec(i), 0, 0, false, {}, {}, {}};
    if (i < call.inputs.size()) add_packet(call.inputs[i], input);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Capsule capsule_of(const ValidatedGraph& graph, const FailedCall& call) {
  Capsule capsule;
  capsule.node = call.node.name;
  capsule.stage = call.node.info->name;
  capsule.call = call.name;
  capsule.plugin = plugin_of(graph, call.node);
  capsule.params = call.node.params;
  capsule.seed = graph.seed;
  capsule.seeds = call.node.seeds;
  capsule.epochs = graph.epochs;
  capsule.device = graph.device.id.kind;
  capsule.isolated = call.node.isolated;
  capsule.timeout = static_cast<double>(call.node.call_timeout.count()) / 1000;
  capsule.rank = graph.ranks.rank;
  capsule.ranks = graph.ranks.size;
  capsule.folder = std::filesystem::current_path().string();
  capsule.millrace = build_info().version;
  capsule.at = {call.failure.epoch, call.failure.packet, call.failure.batch};
  capsule.error = call.failure;
  capsule.inputs = inputs_of(call);
  return capsule;
}

}  // namespace

bool CapsuleKeeper::is_first(const FailedCall& call) {
  const std::lock_guard lock(mutex_);
  std::vector<Kept>& kept = kept_[call.node.name];
  const bool is_first =
      std::all_of(kept.begin(), kept.end(), [&](const Kept& other) { return call.failure.packet < other.packet; });
  if (is_first) kept.push_back({call.failure.epoch, call.failure.packet, {}, "it could not be written"});
  return is_first;
}

void CapsuleKeeper::keep(const FailedCall& call, Kept& kept) try {
  kept.why = obstacle(call);
  if (!kept.why.empty()) return;
  const std::string name = fmt::format("{}-{}-{}", file_name_of(call.node.name), call.failure.epoch,
                                       call.failure.batch > 0 ? call.failure.batch : call.failure.packet);
  write_capsule(folder_, name, capsule_of(graph_, call), call.inputs);
  kept.path = (std::filesystem::path(folder_) / name).string();
} catch (...) {
  kept.why = error_of(std::current_exception()).message();
}

void CapsuleKeeper::failed(const FailedCall& call) noexcept try {
  if (!is_first(call)) return;
  Kept kept{call.failure.epoch, call.failure.packet, {}, {}};
  keep(call, kept);
  const std::lock_guard lock(mutex_);
  for (Kept& known : kept_[call.node.name])
    if (known.packet == kept.packet) known = kept;
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory; the failure itself is told all the same
}

void CapsuleKeeper::add_state(const std::string& node, const Kept& kept, const PastRun& past,
                              const std::string& run_folder) const {
  const auto valid =
      std::find_if(graph_.nodes.begin(), graph_.nodes.end(), [&](const ValidatedNode& n) { return n.name == node; });
  if (kept.path.empty() || valid == graph_.nodes.end() || valid->info->spec.state() == StateKind::stateless) return;
  const std::vector<CheckpointModel> models = checkpoint_models(kept_nodes(graph_));
  for (const KeptCheckpoint& checkpoint : stored_checkpoints(past, run_folder)) {
    for (const NodeState& state : states_of(read_kept(checkpoint, past, run_folder, models)))
      if (state.node == node) return write_capsule_state(kept.path, state);
  }
}

void CapsuleKeeper::finish(const PastRun& past, const std::string& run_folder, RunReport& report) noexcept try {
  const std::lock_guard lock(mutex_);
  for (RunFailure& failure : report.failures)
    for (const Kept& kept : kept_[failure.node]) {
      if (kept.epoch != failure.epoch || kept.packet != failure.packet) continue;
      if (kept.path.empty()) {
        failure.notes.push_back("no capsule was kept: " + kept.why);
        continue;
      }
      try {
        add_state(failure.node, kept, past, run_folder);
      } catch (const Error& error) {
        failure.notes.push_back("the capsule has no state: " + error.message());
      }
      failure.notes.push_back(fmt::format("once more, alone: pipeline-run replay {}", kept.path));
    }
} catch (...) {  // NOLINT(bugprone-empty-catch): no memory; the report has the failures
}

}  // namespace millrace::pipelines
