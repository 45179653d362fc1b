// Weights are compared by what the headers of checkpoints of one position and the summaries say, so that nothing is read but a few lines.
#include "past_epochs.hpp"

#include "command/training/resumed_run.hpp"
#include "command/training/run_comparison.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/folder/record_json.hpp"
#include "record/folder/run_parts.hpp"
#include "row_hash.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using EndedModels = std::map<std::string, EndedModel>;  ///< by trainer
using WeightsByEpoch = std::map<std::uint32_t, std::map<std::string, std::string>>;

std::vector<PartingValue> parting_values(const Metrics& a, const Metrics& b) {
  std::vector<PartingValue> values;
  for (const auto& [name, value] : a.values) {
    const std::optional<double> other = b.find(name);
    if (other && !is_of_the_clock(name) && std::memcmp(&value, &*other, sizeof value) != 0)
      values.push_back({name, value, *other});
  }
  return values;
}

/// What a run says of its own end that has come to it. Another program may have written that: what is not as expected is left out.
EndedModels ended_models(const std::string& folder) {
  EndedModels models;
  if (!is_finished(folder)) return models;
  const nlohmann::ordered_json summary = record_json(summary_of(folder));
  const auto all = summary.find("models");
  if (all == summary.end() || !all->is_object()) return models;
  for (const auto& [node, model] : all->items()) {
    const std::string digest = text_of(model, "weights_sha256");
    const auto epoch = model.find("epochs_trained");
    if (!digest.empty() && epoch != model.end() && epoch->is_number_unsigned())
      models[node] = {digest, epoch->get<std::uint32_t>()};
  }
  return models;
}

WeightsByEpoch weights_of(const PastRun& run, const std::string& folder, const EndedModels& ended) {
  WeightsByEpoch weights;
  for (const auto& [node, model] : ended) weights[model.epoch][node] = model.weights_sha256;
  for (const KeptCheckpoint& kept : stored_checkpoints(run, folder)) {
    if (!kept.position.is_epoch_complete) continue;
    try {
      InputFile file((fs::path(folder) / kept.path).string());
      for (const auto& [node, digest] : read_checkpoint_header(file).weights_sha256)
        weights[kept.position.epoch].emplace(node, digest);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): one that is torn says nothing
    }
  }
  return weights;
}

std::optional<std::uint32_t> first_other_weights(const WeightsByEpoch& a, const WeightsByEpoch& b,
                                                 std::uint32_t common) {
  for (const auto& [epoch, weights] : a)
    if (const auto other = b.find(epoch); epoch <= common && other != b.end())
      for (const auto& [node, digest] : weights)
        if (const auto same = other->second.find(node); same != other->second.end() && same->second != digest)
          return epoch;
  return std::nullopt;
}

/// Those of one epoch part in it, which is told of that epoch, unless nothing was trained before.
std::vector<PartingEnd> parting_ends(const EndedModels& a, const EndedModels& b, bool are_as_long) {
  std::vector<PartingEnd> ends;
  for (const auto& [node, model] : a) {
    const auto other = b.find(node);
    if (other == b.end() || other->second.weights_sha256 == model.weights_sha256) continue;
    const bool is_of_one_epoch = model.epoch == other->second.epoch;
    if (is_of_one_epoch ? model.epoch == 0 : are_as_long) ends.push_back({node, model, other->second});
  }
  return ends;
}

bool is_without_epochs(const std::string& folder) {
  const nlohmann::ordered_json environment = environment_of(folder);
  const auto epochs = environment.find("epochs");
  return epochs != environment.end() && epochs->is_number_unsigned() && epochs->get<std::uint64_t>() == 0;
}

std::uint32_t last_epoch_of(const PastRun& run) {
  std::uint32_t last = 0;
  for (const Metrics& epoch : run.epochs) last = std::max(last, epoch.epoch);
  return last;
}

void compare_values(const PastRun& a, const PastRun& b, PastEpochs& found) {
  std::map<std::uint32_t, const Metrics*> others;
  for (const Metrics& epoch : b.epochs) others[epoch.epoch] = &epoch;
  for (const Metrics& epoch : a.epochs) {
    const auto other = others.find(epoch.epoch);
    if (other == others.end()) continue;
    found.common = std::max(found.common, epoch.epoch);
    if (found.parting) continue;
    found.values = parting_values(epoch, *other->second);
    if (!found.values.empty()) found.parting = epoch.epoch;
  }
}

PastRun past_of(const std::string& folder) { return read_past_run((fs::path(folder) / run_parts::kMetrics).string()); }

}  // namespace

PastEpochs compare_epochs(const std::string& a, const std::string& b) {
  const PastRun x = past_of(a), y = past_of(b);
  const EndedModels ended_a = ended_models(a), ended_b = ended_models(b);
  PastEpochs found;
  found.told_a = last_epoch_of(x);
  found.told_b = last_epoch_of(y);
  compare_values(x, y, found);
  if (found.common == 0) found.is_untrained = is_without_epochs(a) || is_without_epochs(b);
  if (!found.parting)
    found.parting = first_other_weights(weights_of(x, a, ended_a), weights_of(y, b, ended_b), found.common);
  if (found.parting.value_or(0) == 0) found.ends = parting_ends(ended_a, ended_b, found.told_a == found.told_b);
  return found;
}

}  // namespace millrace::pipelines
