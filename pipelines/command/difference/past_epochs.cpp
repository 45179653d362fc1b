// Weights are compared by what the headers of checkpoints of one position say, so that nothing is read but a few lines.
#include "past_epochs.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"
#include "row_hash.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
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

WeightsByEpoch weights_of(const PastRun& run, const std::string& folder) {
  WeightsByEpoch weights;
  for (const KeptCheckpoint& kept : stored_checkpoints(run, folder)) {
    if (!kept.position.is_epoch_complete) continue;
    try {
      InputFile file((fs::path(folder) / kept.path).string());
      weights[kept.position.epoch] = read_checkpoint_header(file).weights_sha256;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): one that is torn says nothing
    }
  }
  return weights;
}

std::uint32_t first_other_weights(const WeightsByEpoch& a, const WeightsByEpoch& b, std::uint32_t common) {
  for (const auto& [epoch, weights] : a)
    if (const auto other = b.find(epoch); epoch <= common && other != b.end())
      for (const auto& [node, digest] : weights)
        if (const auto same = other->second.find(node); same != other->second.end() && same->second != digest)
          return epoch;
  return 0;
}

PastRun past_of(const std::string& folder) { return read_past_run((fs::path(folder) / run_parts::kMetrics).string()); }

}  // namespace

PastEpochs compare_epochs(const std::string& a, const std::string& b) {
  const PastRun x = past_of(a), y = past_of(b);
  std::map<std::uint32_t, const Metrics*> others;
  for (const Metrics& epoch : y.epochs) others[epoch.epoch] = &epoch;
  PastEpochs found;
  for (const Metrics& epoch : x.epochs) {
    const auto other = others.find(epoch.epoch);
    if (other == others.end()) continue;
    found.common = std::max(found.common, epoch.epoch);
    if (found.parting != 0) continue;
    found.values = parting_values(epoch, *other->second);
    if (!found.values.empty()) found.parting = epoch.epoch;
  }
  if (found.parting == 0) found.parting = first_other_weights(weights_of(x, a), weights_of(y, b), found.common);
  return found;
}

}  // namespace millrace::pipelines
