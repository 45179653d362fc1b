// Names, shapes and order of values are those that torch has for the same model, against a file that is written down here.
#include "checkpoint_fixture.hpp"

#include <map>

using namespace millrace;
using namespace millrace::testing;

namespace {

using Names = std::vector<std::string>;

std::vector<std::int64_t> shape_of(const std::string& path, const std::string& tensor) {
  InputFile file(path);
  return read_safetensors_header(file).find(tensor)->shape;
}

}  // namespace

TEST_CASE("tensors are called by the module of the Sequential that torch would have, matrices as [out, in]") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  Checkpoint checkpoint{{1, 0, 0, true}, {trainer_state("learn", small_model(), {})}};
  write_checkpoint(path, checkpoint);
  // Sequential(Linear(2, 3), ReLU(), Dropout(), Linear(3, 1, bias=False))
  CHECK(tensors_of(path) == Names{"0.weight", "0.bias", "3.weight", "state.steps"});
  CHECK(shape_of(path, "0.weight") == std::vector<std::int64_t>{3, 2});
  CHECK(shape_of(path, "0.bias") == std::vector<std::int64_t>{3});
  CHECK(shape_of(path, "3.weight") == std::vector<std::int64_t>{1, 3});
  CHECK(values_of<float>(path, "0.weight") == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(values_of<float>(path, "0.bias") == std::vector<float>{7, 8, 9});
  CHECK(values_of<float>(path, "3.weight") == std::vector<float>{10, 11, 12});
  CHECK(values_of<std::uint64_t>(path, "state.steps") == std::vector<std::uint64_t>{77});
}

TEST_CASE("matrices of any size are turned, also where they are no whole number of squares") {
  const auto [inputs, outputs] = GENERATE(table<std::int64_t, std::int64_t>({{1, 1}, {33, 2}, {32, 64}, {70, 41}}));
  const auto model =
      std::make_shared<const ModelSpec>(ModelSpec{inputs, {dense_layer(inputs, outputs, Activation::tanh, 0)}});
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, {{1, 0, 0, true}, {trainer_state("learn", model, {})}});
  const std::vector<float> values = values_of<float>(path, "0.weight");
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t i = 0; i < inputs; ++i)
      REQUIRE(values[static_cast<std::size_t>(o * inputs + i)] == static_cast<float>(1 + i * outputs + o));
}

TEST_CASE("what an optimizer keeps has the names, shapes and order of the weights") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, {{1, 0, 0, true}, {trainer_state("learn", small_model(), {"mean", "mean_square"})}});
  CHECK(tensors_of(path) == Names{"0.weight", "0.bias", "3.weight", "optimizer.mean.0.weight", "optimizer.mean.0.bias",
                                  "optimizer.mean.3.weight", "optimizer.mean_square.0.weight",
                                  "optimizer.mean_square.0.bias", "optimizer.mean_square.3.weight", "state.steps"});
  CHECK(values_of<float>(path, "optimizer.mean_square.0.weight") == std::vector<float>{200, 203, 201, 204, 202, 205});
}

TEST_CASE("with several trainers each name begins with its node, and stages have names of their own always") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  Checkpoint checkpoint{
      {1, 0, 0, true},
      {trainer_state("state", small_model(), {"velocity"}), trainer_state("learn", small_model(), {})}};
  checkpoint.stages["state"].put("learn.0.bias", std::as_bytes(std::span("abc", 3)));
  write_checkpoint(path, checkpoint);
  CHECK(tensors_of(path) ==
        Names{"state.0.weight", "state.0.bias", "state.3.weight", "state.optimizer.velocity.0.weight",
              "state.optimizer.velocity.0.bias", "state.optimizer.velocity.3.weight", "learn.0.weight", "learn.0.bias",
              "learn.3.weight", "state.state.steps", "learn.state.steps", "stage.state.learn.0.bias"});
  const Checkpoint found = read_back(path, checkpoint);
  CHECK(found.stages.at("state").entries() == checkpoint.stages.at("state").entries());
  CHECK(found.trainers[0].state.entries() == checkpoint.trainers[0].state.entries());
}

TEST_CASE("a node with dots in its name keeps what is its own") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  Checkpoint checkpoint{{1, 0, 0, true}, {}};
  for (const char* node : {"a", "a.b", "a.b.c"}) checkpoint.stages[node].put("x", std::as_bytes(std::span(node, 1)));
  write_checkpoint(path, checkpoint);
  const Checkpoint found = read_back(path, checkpoint);
  for (const auto& [node, state] : checkpoint.stages) CHECK(found.stages.at(node).entries() == state.entries());
}

TEST_CASE("metadata say the number of the format, the position and the nodes") {
  const TempFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  const CheckpointFile told = write_checkpoint(path, small_checkpoint());
  InputFile file(path);
  const ModelSnapshot snapshot(small_model(), Loss::mse, 3, counting(12, 1));
  CHECK(read_safetensors_header(file).metadata == SafetensorsMetadata{{"millrace_checkpoint", "1"},
                                                                      {"epoch", "3"},
                                                                      {"batch", "5"},
                                                                      {"row", "640"},
                                                                      {"epoch_complete", "false"},
                                                                      {"trainers", "learn"},
                                                                      {"stages", "empty standardize"},
                                                                      {"sha256", told.sha256},
                                                                      {"weights_sha256", snapshot.weights_sha256()},
                                                                      {"bits_class", "b1"},
                                                                      {"config", "0123"}});
}
