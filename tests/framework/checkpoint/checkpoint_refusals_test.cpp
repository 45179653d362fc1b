// A checkpoint that is damaged, of another model or of another release is refused by name, and says what to do.
#include "checkpoint_fixture.hpp"
#include "error_of.hpp"

#include <millrace/digest.hpp>

#include <functional>
#include <limits>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A file in memory, to be changed.
struct Parts {
  struct Tensor {
    SafetensorsEntry entry;
    std::vector<std::byte> bytes;
  };
  std::vector<Tensor> tensors;
  SafetensorsMetadata metadata;

  Tensor& at(const std::string& name) {
    for (Tensor& tensor : tensors)
      if (tensor.entry.name == name) return tensor;
    throw std::logic_error("no tensor " + name);
  }
};

Parts parts_of(const std::string& path) {
  InputFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  Parts parts{{}, header.metadata};
  for (const SafetensorsEntry& entry : header.tensors) {
    parts.tensors.push_back({entry, std::vector<std::byte>(entry.bytes)});
    read_safetensors_tensor(file, entry, 0, parts.tensors.back().bytes);
  }
  return parts;
}

std::string text_of(const Parts& parts) {
  std::vector<SafetensorsTensor> tensors;
  for (const Parts::Tensor& tensor : parts.tensors)
    tensors.push_back({tensor.entry.name, tensor.entry.type, tensor.entry.shape, tensor.bytes});
  return safetensors_text(tensors, parts.metadata);
}

/// A checkpoint whose content is another, digest and all: as a person or another program would make it.
std::string changed(const TempFolder& folder, const std::function<void(Parts&)>& change) {
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, small_checkpoint());
  Parts parts = parts_of(path);
  change(parts);
  parts.metadata["sha256"] = std::string(64, '0');
  parts.metadata["sha256"] = sha256_hex(text_of(parts));
  return folder.file("changed.safetensors", text_of(parts));
}

Error error_of_reading(const std::string& path) {
  return error_of([&] { read_back(path, small_checkpoint()); });
}

Error error_of_change(const std::function<void(Parts&)>& change) {
  const TempFolder folder;
  return error_of_reading(changed(folder, change));
}

Error error_with_models(const std::vector<CheckpointModel>& models) {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, small_checkpoint());
  return error_of([&] { read_checkpoint(path, models); });
}

CheckpointModel learn(ModelSpec model) {
  return {"learn", std::make_shared<const ModelSpec>(std::move(model)),
          std::vector<std::string>{"mean", "mean_square"}};
}

}  // namespace

TEST_CASE("no bit of a checkpoint flips unseen") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, small_checkpoint());
  const std::string content = content_of(path);
  for (std::size_t byte = 0; byte < content.size(); ++byte)
    for (int bit = 0; bit < 8; bit += 1 + static_cast<int>(byte % 3)) {
      std::string flipped = content;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      CAPTURE(byte, bit);
      REQUIRE(error_of_reading(folder.file("flipped.safetensors", flipped)).kind() == ErrorKind::data);
    }
}

TEST_CASE("a bit that flips in a weight is told as such") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, small_checkpoint());
  std::string content = content_of(path);
  content[content.size() - 100] ^= 1;
  const Error error = error_of_reading(folder.file("flipped.safetensors", content));
  CHECK(error.name() == "checkpoint-digest");
  CHECK_THAT(error.message(), ContainsSubstring("flipped.safetensors is not as it was written"));
  CHECK(error.help() == "take another checkpoint, such as the one before");
}

TEST_CASE("a checkpoint that ends early, or goes on, is refused") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, small_checkpoint());
  const std::string content = content_of(path);
  CHECK(error_of_reading(folder.file("short", content.substr(0, content.size() - 1))).name() == "safetensors-short");
  CHECK(error_of_reading(folder.file("long", content + "x")).name() == "safetensors-trailing");
  CHECK(error_of_reading(folder.path() + "/none").name() == "file-missing");
}

TEST_CASE("a checkpoint of another format is refused by its number") {
  const Error error = error_of_change([](Parts& parts) { parts.metadata["millrace_checkpoint"] = "2"; });
  CHECK(error.name() == "checkpoint-format");
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(), ContainsSubstring("is a checkpoint of format 2, this release reads format 1"));
  CHECK(error.help() == "use the release that wrote it");
}

TEST_CASE("a safetensors file that is no checkpoint is told as such") {
  const Error error = error_of_change([](Parts& parts) { parts.metadata.erase("millrace_checkpoint"); });
  CHECK(error.name() == "checkpoint-format");
  CHECK_THAT(error.message(), ContainsSubstring("is no checkpoint of Millrace"));
}

TEST_CASE("metadata that are missing, or no counts, are told by their key") {
  const auto [key, text] = GENERATE(table<std::string, std::string>(
      {{"epoch", "4294967296"}, {"epoch", "-1"}, {"batch", ""}, {"row", "12x"}, {"epoch_complete", "yes"}}));
  CAPTURE(key, text);
  const Error wrong = error_of_change([key = key, text = text](Parts& parts) { parts.metadata[key] = text; });
  CHECK(wrong.name() == "checkpoint-metadata");
  CHECK_THAT(wrong.message(), ContainsSubstring("`" + key + "` of "));
  CHECK(error_of_change([key = key](Parts& parts) { parts.metadata.erase(key); }).name() == "checkpoint-metadata");
}

TEST_CASE("a matrix of another shape is told with both shapes") {
  const Error error = error_with_models({learn({2,
                                                {dense_layer(2, 4, Activation::relu, 0), dropout_layer(4, 12),
                                                 dense_layer(4, 1, Activation::linear, 12, false)}})});
  CHECK(error.name() == "checkpoint-shape");
  CHECK_THAT(error.message(), ContainsSubstring("`0.weight` of "));
  CHECK_THAT(error.message(), ContainsSubstring("a.safetensors is [3, 2], the model has [4, 2] there"));
}

TEST_CASE("a layer that the checkpoint has not, or has beside those of the model, is told by its tensor") {
  const Error missing = error_with_models({learn({2,
                                                  {dense_layer(2, 3, Activation::relu, 0), dropout_layer(3, 9),
                                                   dense_layer(3, 1, Activation::linear, 9, true)}})});
  CHECK(missing.name() == "checkpoint-tensor");
  CHECK_THAT(missing.message(), ContainsSubstring("has no `3.bias`, the model has [1] there"));
  const Error extra = error_with_models({learn({2, {dense_layer(2, 3, Activation::relu, 0)}})});
  CHECK(extra.name() == "checkpoint-tensor");
  CHECK_THAT(extra.message(), ContainsSubstring("has `3.weight` [1, 3], which the model has not"));
}

TEST_CASE("a tensor of another type is told") {
  const Error weight = error_of_change([](Parts& parts) { parts.at("0.bias").entry.type = SafetensorsType::i32; });
  CHECK(weight.name() == "checkpoint-dtype");
  CHECK_THAT(weight.message(), ContainsSubstring("`0.bias` of "));
  const Error state = error_of_change([](Parts& parts) { parts.at("state.steps").entry.type = SafetensorsType::i8; });
  CHECK(state.name() == "checkpoint-dtype");
  CHECK_THAT(state.message(), ContainsSubstring("is I8, states are U8"));
}

TEST_CASE("a tensor of no node is told") {
  const Error error = error_of_change([](Parts& parts) { parts.metadata["trainers"] = "learn other"; });
  CHECK(error.name() == "checkpoint-metadata");  // the hash of the other's weights
  const Error stage = error_of_change([](Parts& parts) { parts.metadata["stages"] = "empty"; });
  CHECK(stage.name() == "checkpoint-tensor");
  CHECK_THAT(stage.message(), ContainsSubstring("`stage.standardize."));
}

TEST_CASE("another optimizer than the one that kept the state is told by what both keep") {
  CheckpointModel model = model_of(small_checkpoint().trainers[0]);
  model.slots = {"velocity"};
  const Error error = error_with_models({model});
  CHECK(error.name() == "checkpoint-optimizer");
  CHECK_THAT(error.message(),
             ContainsSubstring("keeps `mean`, `mean_square` beside each weight, the one in the config keeps "
                               "`velocity`"));
  model.slots = std::vector<std::string>{};
  CHECK_THAT(error_with_models({model}).message(), ContainsSubstring("keeps nothing"));
}

TEST_CASE("a weight that is not finite is told by its tensor, and one of an optimizer is not looked at") {
  const auto infinite = [](const std::string& tensor) {
    return [tensor](Parts& parts) {
      const float value = std::numeric_limits<float>::quiet_NaN();
      std::memcpy(parts.at(tensor).bytes.data() + 4, &value, sizeof value);
    };
  };
  const Error error = error_of_change(infinite("3.weight"));
  CHECK(error.name() == "checkpoint-not-finite");
  CHECK_THAT(error.message(), ContainsSubstring("a weight of `3.weight` of "));
  const TempFolder folder;
  CHECK_NOTHROW(read_back(changed(folder, infinite("optimizer.mean.0.weight")), small_checkpoint()));
}

TEST_CASE("weights that were changed behind the hash of their run are told") {
  const Error error = error_of_change([](Parts& parts) { parts.at("0.weight").bytes[0] ^= std::byte{1}; });
  CHECK(error.name() == "checkpoint-digest");
  CHECK_THAT(error.message(), ContainsSubstring("the weights of `learn` have another SHA-256"));
}

TEST_CASE("trainers are those of the graph") {
  CheckpointModel model = model_of(small_checkpoint().trainers[0]);
  CHECK_THAT(error_with_models({}).message(), ContainsSubstring("has a trainer `learn`, which the graph has not"));
  CheckpointModel other = model;
  other.node = "other";
  const Error error = error_with_models({model, other});
  CHECK(error.name() == "checkpoint-trainer");
  CHECK_THAT(error.message(), ContainsSubstring("has no trainer `other`"));
  CHECK(error.help() == "name one of its trainers: learn");
}

TEST_CASE("which of several trainers is meant has to be said") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path,
                   {{1, 0, 0, true}, {trainer_state("a", small_model(), {}), trainer_state("b", small_model(), {})}});
  const auto read = [&](const std::string& node) {
    return read_checkpoint_snapshot(path, node, small_model(), Loss::mse);
  };
  const Error error = error_of([&] { read(""); });
  CHECK(error.name() == "checkpoint-trainer");
  CHECK(error.help() == "name one of its trainers: a, b");
  CHECK(read("b")->weights()[0] == 1);
}

TEST_CASE("a state that is not of its model is not written") {
  const TempFolder folder;
  const std::string path = folder.file("a.safetensors", "before");
  const auto name_of = [&](const std::function<void(Checkpoint&)>& change) {
    Checkpoint checkpoint = small_checkpoint();
    change(checkpoint);
    return error_of([&] { write_checkpoint(path, checkpoint); }).name();
  };
  CHECK(name_of([](Checkpoint& c) { put_floats(c.trainers[0].state, "weights", {1, 2}); }) == "checkpoint-state");
  CHECK(name_of([](Checkpoint& c) { put_floats(c.trainers[0].state, "optimizer/1", {1, 2}); }) == "checkpoint-state");
  CHECK(name_of([](Checkpoint& c) { c.trainers[0].slots = {"mean"}; }) == "checkpoint-state");
  CHECK(name_of([](Checkpoint& c) { c.metadata["epoch"] = "4"; }) == "checkpoint-metadata");
  CHECK(name_of([](Checkpoint& c) { c.stages["a b"]; }) == "checkpoint-metadata");
  CHECK(name_of([](Checkpoint& c) { c.trainers.push_back(c.trainers[0]); }) == "safetensors-duplicate");
  CHECK(content_of(path) == "before");
}
