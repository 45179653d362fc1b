// What is read: checkpoints, exported files, the folder of a run; and what is refused.
#include "error_of.hpp"
#include "used_models.hpp"

#include <millrace/files/journal.hpp>
#include <millrace/files/kept_checkpoints.hpp>
#include <millrace/predictor.hpp>

#include <filesystem>

using namespace millrace;
using namespace millrace::testing;
using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

namespace {

ModelUse small_use() { return use_of(small_model(), halved_bytes()); }

Floats row_of(const std::string& path, const PredictorOptions& options = {}) {
  return Predictor(path, options).predict(Bytes{4, 10});
}

/// The folder of a run with a checkpoint at the end of each of `epochs` epochs, as a run leaves it.
void make_run(const TempFolder& folder, std::uint32_t epochs) {
  const std::string checkpoints = folder.path() + "/attempts/1/checkpoints";
  std::filesystem::create_directories(checkpoints);
  Journal journal(folder.path() + "/metrics.jsonl");
  for (std::uint32_t epoch = 1; epoch <= epochs; ++epoch) {
    const CheckpointPosition at{epoch, 0, 0, true};
    const std::string name = checkpoint_name(at);
    write_used(checkpoints + "/" + name, small_use(), at);
    InputFile file(checkpoints + "/" + name);
    const CheckpointFile written{file.bytes(), read_checkpoint_header(file).sha256};
    journal.append(checkpoint_line(1, {at, "attempts/1/checkpoints/" + name}, written));
  }
}

std::string checkpoint_in(const TempFolder& folder, std::uint32_t epoch) {
  return folder.path() + "/attempts/1/checkpoints/" + checkpoint_name({epoch, 0, 0, true});
}

}  // namespace

TEST_CASE("An exported file and a checkpoint of the same model give the same") {
  const TempFolder folder;
  const std::string exported = folder.file("exported.safetensors", exported_text(small_use()));
  const std::string kept = write_used(folder.path() + "/kept.safetensors", small_use());
  CHECK(row_of(exported) == Floats{small_output(1, 4)});
  CHECK(row_of(kept) == row_of(exported));
  CHECK(Predictor(exported).model().epoch() == 2);
  CHECK(Predictor(exported).file() == exported);
  CHECK(row_of(exported, {.node = "learn"}) == row_of(exported));
  CHECK(error_of([&] { row_of(exported, {.node = "teach"}); }).name() == "checkpoint-trainer");
}

TEST_CASE("A file that is not as it was written is refused") {
  const TempFolder folder;
  std::string text = exported_text(small_use());
  text.back() = static_cast<char>(text.back() ^ 1);
  CHECK(error_of([&] { row_of(folder.file("a", text)); }).name() == "model-damaged");
  text = exported_text(small_use());
  text.pop_back();
  CHECK(error_of([&] { row_of(folder.file("b", text)); }).name() == "safetensors-short");
  std::string kept = content_of(write_used(folder.path() + "/kept", small_use()));
  kept.back() = static_cast<char>(kept.back() ^ 1);
  CHECK(error_of([&] { row_of(folder.file("c", kept)); }).name() == "checkpoint-digest");
}

TEST_CASE("Layers that are not those of the file are refused before any memory is taken for them") {
  const TempFolder folder;
  const auto huge = std::make_shared<const ModelSpec>(ModelSpec{
      2,
      {dense_layer(2, 1'000'000, Activation::relu, 0), dense_layer(1'000'000, 100'000, Activation::relu, 3'000'000)}});
  ModelUse use = use_of(huge, halved_bytes());
  const std::string text = exported_text(small_use(), {{model_use_key("learn"), model_use_text(use)}});
  CHECK(error_of([&] { row_of(folder.file("exported", text)); }).name() == "model-damaged");
  Checkpoint checkpoint{{1, 0, 0, true}, {trainer_state("learn", small_model(), {})}};
  checkpoint.metadata = {{model_use_key("learn"), model_use_text(use)}};
  write_checkpoint(folder.path() + "/kept", checkpoint);
  CHECK(error_of([&] { row_of(folder.path() + "/kept"); }).name() == "checkpoint-shape");
}

TEST_CASE("A file that does not say how its model is used is refused, and what to do") {
  const TempFolder folder;
  Checkpoint older{{1, 0, 0, true}, {trainer_state("learn", small_model(), {})}};
  write_checkpoint(folder.path() + "/older", older);
  const Error error = error_of([&] { row_of(folder.path() + "/older"); });
  CHECK(error.name() == "model-use");
  CHECK_THAT(error.help(), Catch::Matchers::ContainsSubstring("pipeline-run export"));
  CHECK(error_of([&] { row_of(folder.file("others", safetensors_text({}, {}))); }).name() == "checkpoint-format");
  CHECK(error_of([&] { row_of(folder.path() + "/none"); }).name() == "file-missing");
}

TEST_CASE("Of several trainers one is named") {
  const TempFolder folder;
  Checkpoint two{{1, 0, 0, true}, {trainer_state("one", small_model(), {}), trainer_state("two", small_model(), {})}};
  ModelUse plain = use_of(small_model(), {DType::u8, {2}, {{RowOp::convert, DType::f32, 0}}});
  two.metadata = {{model_use_key("one"), model_use_text(small_use())}, {model_use_key("two"), model_use_text(plain)}};
  const std::string path = folder.path() + "/two";
  write_checkpoint(path, two);
  CHECK(row_of(path, {.node = "one"}) == Floats{small_output(1, 4)});
  CHECK(row_of(path, {.node = "two"}) == Floats{small_output(4, 10)});
  CHECK(error_of([&] { row_of(path); }).name() == "checkpoint-trainer");
}

TEST_CASE("Of a run's folder the newest checkpoint is taken") {
  const TempFolder folder;
  make_run(folder, 3);
  const Predictor predictor(folder.path());
  CHECK(predictor.file() == checkpoint_in(folder, 3));
  CHECK(predictor.model().epoch() == 3);
  CHECK(predictor.refused().empty());
}

TEST_CASE("Where the newest is torn the one before is taken, and that is said") {
  const TempFolder folder;
  make_run(folder, 3);
  const std::string newest = checkpoint_in(folder, 3);
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) - 1);
  const Predictor predictor(folder.path());
  CHECK(predictor.file() == checkpoint_in(folder, 2));
  REQUIRE(predictor.refused().size() == 1);
  CHECK_THAT(predictor.refused().front(), Catch::Matchers::ContainsSubstring(newest));
  CHECK(predictor.predict(Bytes{4, 10}) == Floats{small_output(1, 4)});
}

TEST_CASE("Nothing outside of the run's folder is read") {
  const TempFolder folder, other;
  make_run(folder, 1);
  make_run(other, 1);
  std::filesystem::remove(checkpoint_in(folder, 1));
  std::filesystem::create_symlink(checkpoint_in(other, 1), checkpoint_in(folder, 1));
  CHECK(error_of([&] { row_of(folder.path()); }).name() == "no-checkpoint");
}

TEST_CASE("A folder without a checkpoint says so, with what was wrong with those that are there") {
  const TempFolder empty, folder;
  CHECK(error_of([&] { row_of(empty.path()); }).name() == "no-checkpoint");
  make_run(folder, 1);
  std::filesystem::resize_file(checkpoint_in(folder, 1), 100);
  const Error error = error_of([&] { row_of(folder.path()); });
  CHECK(error.name() == "no-checkpoint");
  CHECK(error.kind() == ErrorKind::data);
  REQUIRE(error.notes().size() == 1);
}
