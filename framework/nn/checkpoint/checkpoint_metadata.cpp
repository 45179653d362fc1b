// Node names have no spaces, so that a list of them is one text.
#include "nn/checkpoint/checkpoint_metadata.hpp"

#include "nn/checkpoint/checkpoint_names.hpp"

#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <utility>

namespace millrace::nn {
namespace {

constexpr const char *kFormatKey = "millrace_checkpoint", *kEpochKey = "epoch", *kBatchKey = "batch", *kRowKey = "row",
                     *kCompleteKey = "epoch_complete", *kTrainersKey = "trainers", *kStagesKey = "stages";

std::string weights_key(const std::vector<std::string>& trainers, const std::string& trainer) {
  return (trainers.size() == 1 ? "" : trainer + ".") + "weights_sha256";
}

/// Takes texts of the format out of a file's metadata; what is left is the run's own.
class Texts {
 public:
  Texts(SafetensorsMetadata& texts, const std::string& path) : texts_(texts), path_(path) {}

  std::string take(const std::string& key) {
    const auto node = texts_.extract(key);
    if (node.empty()) throw fault(key, "is missing");
    return node.mapped();
  }

  template <class Number>
  Number take_number(const std::string& key) {
    const std::string text = take(key);
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
      throw fault(key, fmt::format("is `{}` and no count", text));
    return number;
  }

  bool take_flag(const std::string& key) {
    const std::string text = take(key);
    if (text != "true" && text != "false") throw fault(key, fmt::format("is `{}`, neither true nor false", text));
    return text == "true";
  }

  std::vector<std::string> take_list(const std::string& key) {
    const std::string text = take(key);
    std::vector<std::string> names;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      names.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return names;
  }

 private:
  Error fault(const std::string& key, const std::string& what) const {
    return {ErrorKind::data, "checkpoint-metadata", fmt::format("`{}` of {} {}", key, path_, what),
            "take another checkpoint: this one was changed or is damaged"};
  }

  SafetensorsMetadata& texts_;
  const std::string& path_;
};

// A number that is none is told as it stands: what a later release writes here this one cannot know.
void require_format(const SafetensorsMetadata& texts, const std::string& path) {
  const auto found = texts.find(kFormatKey);
  if (found == texts.end())
    throw Error(ErrorKind::data, "checkpoint-format", fmt::format("{} is no checkpoint of Millrace", path),
                "it needs the metadata that Millrace writes: take a file of a run's `checkpoints` folder");
  if (found->second != std::to_string(kCheckpointFormat))
    throw Error(ErrorKind::data, "checkpoint-format",
                fmt::format("{} is a checkpoint of format {}, this release reads format {}", path, found->second,
                            kCheckpointFormat),
                "use the release that wrote it");
}

std::string list_of(const std::vector<std::string>& nodes) {
  for (const std::string& node : nodes)
    if (node.empty() || node.find(' ') != std::string::npos)
      throw Error(ErrorKind::run, "checkpoint-metadata",
                  fmt::format("`{}` is no name for a node of a checkpoint", node),
                  "give nodes names without spaces, as a config does");
  return fmt::format("{}", fmt::join(nodes, " "));
}

}  // namespace

std::vector<std::string> trainers_of(const Checkpoint& checkpoint) {
  std::vector<std::string> nodes;
  for (const TrainerState& trainer : checkpoint.trainers) nodes.push_back(trainer.node);
  return nodes;
}

std::vector<std::string> stages_of(const Checkpoint& checkpoint) {
  std::vector<std::string> nodes;
  for (const auto& [node, state] : checkpoint.stages) nodes.push_back(node);
  return nodes;
}

SafetensorsMetadata metadata_of(const Checkpoint& checkpoint) {
  const CheckpointPosition& at = checkpoint.position;
  const std::vector<std::string> trainers = trainers_of(checkpoint);
  SafetensorsMetadata texts{{kFormatKey, std::to_string(kCheckpointFormat)},
                            {kEpochKey, std::to_string(at.epoch)},
                            {kBatchKey, std::to_string(at.batch)},
                            {kRowKey, std::to_string(at.row)},
                            {kCompleteKey, at.is_epoch_complete ? "true" : "false"},
                            {kTrainersKey, list_of(trainers)},
                            {kStagesKey, list_of(stages_of(checkpoint))},
                            {kSha256Key, std::string(kSha256Digits, '0')}};
  for (const TrainerState& trainer : checkpoint.trainers)
    texts.emplace(weights_key(trainers, trainer.node), sha256_hex(trainer.state.get(kWeightsEntry)));
  for (const auto& [key, text] : checkpoint.metadata)
    if (!texts.emplace(key, text).second)
      throw Error(ErrorKind::run, "checkpoint-metadata", fmt::format("a checkpoint says `{}` itself", key),
                  "give what the run wants to say another key");
  return texts;
}

CheckpointHeader header_of(SafetensorsHeader tensors, const std::string& path) {
  require_format(tensors.metadata, path);
  CheckpointHeader header;
  header.metadata = std::move(tensors.metadata);
  Texts texts(header.metadata, path);
  texts.take(kFormatKey);
  header.position = {texts.take_number<std::uint32_t>(kEpochKey), texts.take_number<std::uint64_t>(kBatchKey),
                     texts.take_number<std::uint64_t>(kRowKey), texts.take_flag(kCompleteKey)};
  header.trainers = texts.take_list(kTrainersKey);
  header.stages = texts.take_list(kStagesKey);
  header.sha256 = texts.take(kSha256Key);
  for (const std::string& trainer : header.trainers)
    header.weights_sha256[trainer] = texts.take(weights_key(header.trainers, trainer));
  header.tensors = std::move(tensors);
  header.tensors.metadata.clear();
  return header;
}

}  // namespace millrace::nn
