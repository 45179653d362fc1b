// What is written comes back, to the bit: position, weights, optimizers, steps, states of other stages, metadata.
#include "checkpoint_fixture.hpp"
#include "error_of.hpp"

#include <millrace/digest.hpp>

#include <cmath>
#include <cstring>
#include <limits>

using namespace millrace;
using namespace millrace::testing;
using Map = ParamValue::Map;

namespace {

void require_equal(const Checkpoint& found, const Checkpoint& written) {
  CHECK(found.position == written.position);
  CHECK(found.metadata == written.metadata);
  REQUIRE(found.trainers.size() == written.trainers.size());
  for (std::size_t i = 0; i < found.trainers.size(); ++i) {
    CHECK(found.trainers[i].node == written.trainers[i].node);
    CHECK(found.trainers[i].slots == written.trainers[i].slots);
    CHECK(found.trainers[i].state.entries() == written.trainers[i].state.entries());
  }
  REQUIRE(found.stages.size() == written.stages.size());
  for (const auto& [node, state] : written.stages) CHECK(found.stages.at(node).entries() == state.entries());
}

std::vector<float> random_floats(std::size_t count, const char* purpose) {
  const Random random(7, purpose);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = random.uniform(i) - 0.5F;
  return values;
}

/// Every optimizer as a config would write it.
std::vector<Map> optimizers() {
  return {{{"sgd", Map{}}},     {{"sgd", Map{{"momentum", 0.9}}}},
          {{"rmsprop", Map{}}}, {{"rmsprop", Map{{"momentum", 0.9}}}},
          {{"adam", Map{}}},    {{"adagrad", Map{}}}};
}

OptimizerSpec optimizer_of(const Map& value) {
  const ParamValue checked =
      complete_params({Param("optimizer", optimizer_param_type(), "")}, {{"optimizer", value}})["optimizer"];
  return {checked.alternative(), checked.alternative_params()};
}

/// A training step on the CPU with this optimizer.
std::unique_ptr<TrainStep> step_of(const OptimizerSpec& optimizer) {
  static const std::unique_ptr<Device> device = open_device({"cpu", 0});
  TrainSpec spec;
  spec.model = small_model();
  spec.loss = Loss::mse;
  spec.optimizer = optimizer;
  spec.max_batch_rows = 4;
  spec.inputs = {DType::f32, {2}, {}, {}, {}};
  spec.targets = {DType::f32, {1}, {}, {}, {}};
  return make_train_step(*device, spec);
}

void train(TrainStep& step) {
  const Tensor inputs = rows<float>({2}, random_floats(8, "inputs")), targets = rows<float>({1}, {1, 2, 3, 4});
  const std::vector<std::uint64_t> ids{0, 1, 2, 3};
  TrainBatch batch;
  batch.inputs = &inputs;
  batch.targets = &targets;
  batch.epoch = 1;
  batch.sample_ids = ids;
  step.train(batch);
}

}  // namespace

TEST_CASE("a checkpoint comes back as it was written") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  const Checkpoint written = small_checkpoint();
  write_checkpoint(path, written);
  require_equal(read_back(path, written), written);
}

TEST_CASE("the state of every optimizer is written by its names, and a step goes on with it as if nothing had been") {
  const auto optimizer = GENERATE(from_range(optimizers()));
  const OptimizerSpec spec = optimizer_of(optimizer);
  CAPTURE(spec.name, optimizer_slots(spec));
  const std::unique_ptr<TrainStep> whole = step_of(spec), resumed = step_of(spec);
  train(*whole);
  train(*whole);
  Checkpoint checkpoint{{1, 2, 8, false}, {{"learn", small_model(), optimizer_slots(spec), {}}}};
  whole->save(checkpoint.trainers[0].state);
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, checkpoint);
  const Checkpoint found = read_back(path, checkpoint);
  require_equal(found, checkpoint);
  resumed->load(found.trainers[0].state);
  train(*whole);
  train(*resumed);
  CHECK(resumed->snapshot(1)->weights_sha256() == whole->snapshot(1)->weights_sha256());
}

TEST_CASE("optimizers have names for what they keep") {
  const auto slots = [](const Map& optimizer) { return optimizer_slots(optimizer_of(optimizer)); };
  using Names = std::vector<std::string>;
  CHECK(slots({{"sgd", Map{}}}).empty());
  CHECK(slots({{"sgd", Map{{"momentum", 0.5}}}}) == Names{"velocity"});
  CHECK(slots({{"rmsprop", Map{{"momentum", 0.5}}}}) == Names{"mean_square", "velocity"});
  CHECK(slots({{"adam", Map{}}}) == Names{"mean", "mean_square"});
  CHECK(slots({{"adagrad", Map{}}}) == Names{"accumulator"});
}

TEST_CASE("values of an optimizer that are not finite, and every bit of one that is no number, come back") {
  Checkpoint written = small_checkpoint();
  std::vector<float> values = counting(12, 0);
  values[3] = std::numeric_limits<float>::infinity();
  const std::uint32_t signaling = 0xffa00001U;
  std::memcpy(&values[5], &signaling, sizeof signaling);
  values[7] = -0.0F;
  put_floats(written.trainers[0].state, "optimizer/1", values);
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, written);
  require_equal(read_back(path, written), written);
}

TEST_CASE("several trainers come back in the order in which they are asked for") {
  const auto wide = std::make_shared<const ModelSpec>(ModelSpec{40, {dense_layer(40, 70, Activation::softmax, 0)}});
  Checkpoint written{{2, 0, 0, true}, {trainer_state("b", wide, {}), trainer_state("a", small_model(), {"velocity"})}};
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, written);
  require_equal(read_back(path, written), written);
  std::swap(written.trainers[0], written.trainers[1]);
  require_equal(read_back(path, written), written);
}

TEST_CASE("a checkpoint of no trainer holds the states of its stages") {
  Checkpoint written = small_checkpoint();
  written.trainers.clear();
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, written);
  require_equal(read_back(path, written), written);
}

TEST_CASE("writing tells the size of the file, and its digest with zeros in its place") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  const CheckpointFile file = write_checkpoint(path, small_checkpoint());
  std::string content = content_of(path);
  CHECK(file.bytes == content.size());
  const std::size_t at = content.find(file.sha256);
  REQUIRE(at != std::string::npos);
  content.replace(at, 64, std::string(64, '0'));
  CHECK(sha256_hex(content) == file.sha256);
  CHECK(write_checkpoint(folder.path() + "/b.safetensors", small_checkpoint()).sha256 == file.sha256);
}

TEST_CASE("a header tells what there is without a look at a weight") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  const Checkpoint written = small_checkpoint();
  const CheckpointFile told = write_checkpoint(path, written);
  InputFile file(path);
  const CheckpointHeader header = read_checkpoint_header(file);
  CHECK(header.position == written.position);
  CHECK(header.trainers == std::vector<std::string>{"learn"});
  CHECK(header.stages == std::vector<std::string>{"empty", "standardize"});
  CHECK(header.metadata == written.metadata);
  CHECK(header.sha256 == told.sha256);
  const ModelSnapshot snapshot(small_model(), Loss::mse, 3, counting(12, 1));
  CHECK(header.weights_sha256.at("learn") == snapshot.weights_sha256());
  CHECK(checkpoint_inputs(header, "learn", path) == 2);
  CHECK(checkpoint_trainer(header, "", path) == "learn");
}

TEST_CASE("the weights alone make a snapshot of the epoch") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, small_checkpoint());
  const auto snapshot = read_checkpoint_snapshot(path, "", small_model(), Loss::mse);
  CHECK(snapshot->epoch() == 3);
  CHECK(snapshot->loss() == Loss::mse);
  CHECK(std::vector<float>(snapshot->weights().begin(), snapshot->weights().end()) == counting(12, 1));
}
