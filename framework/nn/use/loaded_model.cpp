// A checkpoint is told from an exported file by what only that says: the one node that its weights are of.
#include "loaded_model.hpp"

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/files/initial_weights.hpp>
#include <millrace/files/kept_checkpoints.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace millrace::nn {
namespace {

constexpr const char *kNode = "node", *kEpoch = "epoch", *kWeightsSha256 = "weights_sha256";
constexpr const char* kExport = "`pipeline-run export RUN --format safetensors -o FILE` writes one that does";

std::string text_of(const SafetensorsMetadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

ModelUse use_of(const SafetensorsMetadata& metadata, const std::string& node, const std::string& path) {
  const std::string text = text_of(metadata, model_use_key(node));
  if (!text.empty()) return parse_model_use(text, path);
  throw Error(ErrorKind::data, "model-use", fmt::format("{} does not say how the model of `{}` is used", path, node),
              kExport);
}

[[noreturn]] void fail_damaged(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::data, "model-damaged", fmt::format("{} is not as it was written: {}", path, what),
              "take another copy of the file, or export it again");
}

std::vector<float> weights_of(const std::string& path, const SafetensorsHeader& header, const ModelSpec& model) {
  for (const auto& [layer, why_not] : match_layers(header, model))
    if (!why_not.empty()) fail_damaged(path, why_not);
  std::vector<float> weights(static_cast<std::size_t>(model.parameters()));
  read_layers(path, model, std::as_writable_bytes(std::span(weights)));
  return weights;
}

LoadedModel load_exported(const std::string& path, const SafetensorsHeader& header, const std::string& wanted) {
  const std::string node = text_of(header.metadata, kNode), epoch = text_of(header.metadata, kEpoch);
  if (!wanted.empty() && wanted != node)
    throw Error(ErrorKind::data, "checkpoint-trainer",
                fmt::format("{} has the model of `{}`, not of `{}`", path, node, wanted),
                "export that one: --model NODE");
  ModelUse use = use_of(header.metadata, node, path);
  std::uint32_t number = 0;
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), number);
  auto model = std::make_shared<const ModelSnapshot>(use.model, use.loss, number, weights_of(path, header, *use.model));
  if (model->weights_sha256() != text_of(header.metadata, kWeightsSha256))
    fail_damaged(path, "its weights have another SHA-256 than noted");
  return {path, std::move(use), std::move(model)};
}

LoadedModel load_checkpoint(const std::string& path, const std::string& wanted) {
  std::optional<InputFile> file(path);
  const CheckpointHeader header = read_checkpoint_header(*file);
  file.reset();
  const std::string node = checkpoint_trainer(header, wanted, path);
  ModelUse use = use_of(header.metadata, node, path);
  auto model = read_checkpoint_snapshot(path, node, use.model, use.loss);
  return {path, std::move(use), std::move(model)};
}

LoadedModel load_file(const std::string& path, const std::string& node) {
  InputFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  return header.metadata.contains(kNode) ? load_exported(path, header, node) : load_checkpoint(path, node);
}

LoadedModel load_newest(const std::string& folder, const std::string& node) {
  LoadedModel loaded;
  std::vector<std::string> refused;
  const auto taken = first_usable(
      stored_newest_first(folder), folder, [&](const std::string& path) { loaded = load_file(path, node); }, refused);
  loaded.refused = std::move(refused);
  if (taken) return loaded;
  Error error(ErrorKind::data, "no-checkpoint", fmt::format("{} has no checkpoint that can be used", folder),
              "name the folder of a run that has trained an epoch, one of its checkpoints, or a file that "
              "`pipeline-run export --format safetensors` has written");
  for (std::string& sentence : loaded.refused) error.add_note(std::move(sentence));
  throw error;
}

}  // namespace

LoadedModel load_model(const std::string& path, const std::string& node) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? load_newest(path, node) : load_file(path, node);
}

}  // namespace millrace::nn
