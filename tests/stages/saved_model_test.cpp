// saved_model, driven alone on checkpoints that are written here.
#include "catch.hpp"
#include "checkpoint_fixture.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <filesystem>

using namespace millrace;
using namespace millrace::testing;
using Map = ParamValue::Map;
using List = ParamValue::List;

namespace {

ParamValue dense(std::int64_t units, const char* activation = "linear", bool use_bias = true) {
  return Map{{"dense", Map{{"units", units}, {"activation", activation}, {"use_bias", use_bias}}}};
}

/// The layers of small_model().
List small_layers() { return {dense(3, "relu"), Map{{"dropout", Map{{"rate", 0.5}}}}, dense(1, "linear", false)}; }

Map params_for(const std::string& path, List layers = small_layers(), const char* loss = "mse") {
  return {{"file", path}, {"model", std::move(layers)}, {"loss", loss}};
}

Map of_node(Map params, const char* node) {
  params.emplace_back("node", node);
  return params;
}

std::string written(const TempFolder& folder, const Checkpoint& checkpoint = small_checkpoint()) {
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, checkpoint);
  return path;
}

Error error_of_infer(const Map& params) {
  StageTester t("saved_model", params);
  return error_of([&] {
    const auto errors = t.infer();
    if (!errors.empty()) throw Error(errors.front()).about_param(errors.front().site.path);
  });
}

}  // namespace

TEST_CASE("saved_model sends the model of the file once in every epoch, and says before what it is") {
  const TempFolder folder;
  StageTester t("saved_model", params_for(written(folder)));
  t.epochs(2);
  const PortSpec& port = t.output_spec("model");
  REQUIRE(port.model);
  CHECK(port.model->inputs == 2);
  CHECK(port.model->parameters() == 12);
  CHECK(port.loss == Loss::mse);
  t.pull().pull();
  const Packet first = t.pop("model"), second = t.pop("model");
  CHECK(first.header.last_in_epoch);
  CHECK(second.header.epoch == 2);
  CHECK(first.model == second.model);
  CHECK(first.model->epoch() == 3);
  CHECK(std::vector<float>(first.model->weights().begin(), first.model->weights().end()) == counting(12, 1));
}

TEST_CASE("saved_model takes the trainer that is named, where the file has several") {
  const TempFolder folder;
  Checkpoint checkpoint{{1, 0, 0, true},
                        {trainer_state("a", small_model(), {}), trainer_state("b", small_model(), {"velocity"})}};
  put_floats(checkpoint.trainers[1].state, "weights", counting(12, 50));
  const Map params = params_for(written(folder, checkpoint));
  const Error unnamed = error_of_infer(params);
  CHECK(unnamed.name() == "checkpoint-trainer");
  CHECK(unnamed.param() == "file");
  CHECK(unnamed.help() == "name one of its trainers: a, b");
  CHECK(error_of_infer(of_node(params, "c")).param() == "node");
  StageTester t("saved_model", of_node(params, "b"));
  CHECK(t.pull().pop("model").model->weights()[0] == 50);
}

TEST_CASE("saved_model points at the parameter that is to blame") {
  const TempFolder folder;
  const std::string path = written(folder);
  const Error missing = error_of_infer(params_for(folder.path() + "/none"));
  CHECK(missing.name() == "file-missing");
  CHECK(missing.param() == "file");
  const Error foreign = error_of_infer(params_for(folder.file("b.safetensors", "no tensors")));
  CHECK(foreign.param() == "file");
  const Error layers = error_of_infer(params_for(path, {dense(4, "relu"), dense(1)}));
  CHECK(layers.name() == "checkpoint-shape");
  CHECK(layers.param() == "model");
  CHECK(layers.kind() == ErrorKind::data);
  const Error loss = error_of_infer(params_for(path, small_layers(), "categorical_crossentropy"));
  CHECK(loss.name() == "loss-needs-activation");
  CHECK(loss.param() == "loss");
}

TEST_CASE("saved_model looks at no weight before the run, and at each bit when it is opened") {
  const TempFolder folder;
  const std::string path = written(folder);
  std::string content = content_of(path);
  content[content.size() - 100] ^= 1;
  StageTester t("saved_model", params_for(folder.file("flipped.safetensors", content)));
  CHECK(t.infer().empty());
  const Error error = error_of([&] { t.pull(); });
  CHECK(error.name() == "checkpoint-digest");
  CHECK(error.param() == "file");
}

TEST_CASE("saved_model takes the file that is there when the run begins, if it still fits") {
  const TempFolder folder;
  StageTester t("saved_model", params_for(written(folder)));
  CHECK(t.infer().empty());
  written(
      folder,
      {{1, 0, 0, true},
       {trainer_state("learn",
                      std::make_shared<const ModelSpec>(ModelSpec{2, {dense_layer(2, 5, Activation::relu, 0)}}), {})}});
  CHECK(error_of([&] { t.pull(); }).name() == "checkpoint-shape");
}
