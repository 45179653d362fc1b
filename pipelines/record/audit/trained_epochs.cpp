// A journal that has lost lines does not say so itself, so it is held against what else says how far the run has come.
#include "trained_epochs.hpp"

#include "record/folder/record_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/folder/small_file.hpp"

#include <millrace/files/kept_checkpoints.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::uint32_t whole_in(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_number_unsigned() ? found->get<std::uint32_t>() : 0;
}

Json json_in(const fs::path& path) { return record_json(content_of(path.string())); }

std::uint32_t last_in_summary(const fs::path& path) {
  const Json summary = json_in(path);
  std::uint32_t last = 0;
  if (summary.is_object() && summary.contains("epochs") && summary["epochs"].is_array())
    for (const Json& epoch : summary["epochs"]) last = std::max(last, whole_in(epoch, "epoch"));
  return last;
}

// "epoch-0003.safetensors" is written when the journal has the line of epoch 3.
std::uint32_t last_of_checkpoints(const fs::path& folder) {
  std::uint32_t last = 0;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const std::size_t number = name.find('-') + 1;
    std::uint32_t epoch = 0;
    std::from_chars(name.data() + number, name.data() + name.size(), epoch);
    CheckpointPosition position;
    position.epoch = epoch;
    position.is_epoch_complete = true;
    if (name == checkpoint_name(position)) last = std::max(last, epoch);
  }
  return last;
}

// That of the first attempt names the parent; a child that went on has others.
std::uint32_t inherited_by(const fs::path& folder) {
  const Json environment = json_in(folder / run_parts::kAttempts / "1" / run_parts::kEnvironment);
  if (!environment.is_object() || !environment.contains("parent")) return 0;
  const Json& parent = environment["parent"];
  const std::uint32_t epoch = whole_in(parent, "epoch");
  const bool is_complete = parent.is_object() && parent.value("is_epoch_complete", Json()) == true;
  return epoch - (epoch > 0 && !is_complete ? 1 : 0);
}

}  // namespace

// The summary of an attempt that was stopped or has failed lists epochs, too, that had not been evaluated when it ended.
TrainedEpochs trained_epochs(const std::string& folder) {
  const fs::path path(folder), current = path / run_parts::kCurrent;
  return {
      whole_in(json_in(path / run_parts::kEnvironment), "epochs"), inherited_by(path),
      std::max(last_in_summary(path / run_parts::kSummary), last_of_checkpoints(current / run_parts::kCheckpoints))};
}

}  // namespace millrace::pipelines
