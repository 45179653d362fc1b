// The loss of the step behind a checkpoint: when it is written, and what it is held against.
#include "record/checkpoints/probes.hpp"

#include "built_in_graph.hpp"
#include "catch.hpp"
#include "error_of.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr const char* kConfig = R"(
version: 1
epochs: 2
device: cpu
graph:
  rows:    {stage: table_source, with: {columns: {x: [0, 1, 2, 3]}}}
  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.x}, with: {batch_size: 1}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}
)";
constexpr const char* kSecond =
    "  second:  {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}\n";

StatePosition behind(std::uint32_t epoch, std::uint64_t batch) { return {epoch, batch, batch, false}; }
StatePosition end_of(std::uint32_t epoch) { return {epoch, 4, 4, true}; }
CheckpointPosition kept(const StatePosition& at) { return {at.epoch, at.batch, at.row, at.is_epoch_end}; }

StepProgress step_with(double loss) {
  StepProgress progress;
  progress.loss = loss;
  return progress;
}

/// A journal that may have no time.
struct Lines {
  std::vector<JournalLine> lines;
  bool is_free = true;
  Probes::Append append() {
    return [this](const JournalLine& line) {
      if (is_free) lines.push_back(line);
      return is_free;
    };
  }
  /// "2,3: 0.5" for the loss 0.5 behind row 3 of epoch 2.
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const JournalLine& line : lines)
      all.push_back(std::to_string(line.position.epoch) + "," + std::to_string(line.position.batch) + ": " +
                    std::to_string(probe_of(line).value_or(-1)).substr(0, 3));
    return all;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a probe is written when both the checkpoint and the step behind it are there", "[record]") {
  Lines journal;
  Probes probes(graph_of_text(kConfig), 1, journal.append(), {});
  probes.taken("learn", behind(1, 2));
  probes.step("learn", step_with(0.5));
  CHECK(journal.lines.empty());
  probes.written(kept(behind(1, 2)));
  CHECK(journal.texts() == Texts{"1,2: 0.5"});
  probes.taken("learn", end_of(1));
  probes.written(kept(end_of(1)));
  CHECK(journal.lines.size() == 1);
  probes.step("learn", step_with(0.7));
  probes.step("learn", step_with(0.8));
  CHECK(journal.texts() == Texts{"1,2: 0.5", "2,0: 0.7"});
}

TEST_CASE("a state that was never written has no probe, and one that was has its own", "[record]") {
  Lines journal;
  Probes probes(graph_of_text(kConfig), 1, journal.append(), {});
  for (const std::uint64_t batch : {1, 2, 3}) {
    probes.taken("learn", behind(1, batch));
    probes.step("learn", step_with(static_cast<double>(batch) / 10));
  }
  probes.written(kept(behind(1, 2)));
  probes.written(kept(behind(1, 3)));
  CHECK(journal.texts() == Texts{"1,2: 0.2", "1,3: 0.3"});
}

TEST_CASE("a probe waits for a journal that is busy, and training does not", "[record]") {
  Lines journal;
  Probes probes(graph_of_text(kConfig), 1, journal.append(), {});
  journal.is_free = false;
  probes.taken("learn", behind(1, 1));
  probes.step("learn", step_with(0.5));
  probes.written(kept(behind(1, 1)));
  CHECK(journal.lines.empty());
  journal.is_free = true;
  probes.step("learn", step_with(0.6));
  CHECK(journal.texts() == Texts{"1,1: 0.5"});
}

TEST_CASE("the first step is held against what is expected, to the bit", "[record]") {
  Lines journal;
  const double loss = 0.1 + 0.2;
  Probes same(graph_of_text(kConfig), 2, journal.append(), loss);
  same.step("learn", step_with(loss));
  same.step("learn", step_with(1));
  Probes other(graph_of_text(kConfig), 2, journal.append(), loss);
  CHECK(testing::error_of([&] { other.step("learn", step_with(std::nextafter(loss, 1))); }).name() ==
        "resume-diverges");
  other.step("learn", step_with(2));
}

TEST_CASE("several trainers, and several processes, have no probes", "[record]") {
  Lines journal;
  ValidatedGraph ranked = graph_of_text(kConfig);
  ranked.ranks = {0, 2};
  const ValidatedGraph two = graph_of_text(std::string(kConfig) + kSecond);
  for (const ValidatedGraph* graph : {static_cast<const ValidatedGraph*>(&ranked), &two}) {
    Probes probes(*graph, 1, journal.append(), 0.5);
    probes.taken("learn", behind(1, 1));
    probes.step("learn", step_with(0.7));
    probes.written(kept(behind(1, 1)));
  }
  CHECK(journal.lines.empty());
}

}  // namespace millrace::pipelines
