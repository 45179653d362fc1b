// What is known of a run from its files: what every report of it is made of.
#pragma once

#include "curve.hpp"
#include "record/ledger/test_ledger.hpp"
#include "validation/validation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// A failure or a warning, as summary.json has it.
struct ToldProblem {
  std::string name, message, help;
  std::string node;         ///< empty: of no node
  std::string place;        ///< "config.yaml:12:5"; empty: nowhere in particular
  std::uint64_t count = 1;  ///< how often it was told
};

/// Where the time of a node went, in seconds; see NodeReport.
struct NodeTimes {
  std::string name, stage;
  std::vector<std::size_t> inputs;  ///< nodes that it is fed by: places in the list, smaller than its own
  double busy = 0, starved = 0, blocked = 0;
  std::uint64_t packets = 0;
};

struct LayerRow {
  std::string layer, activation;
  std::int64_t outputs = 0, parameters = 0;
};

struct ModelRow {
  std::string node, weights_sha256;
  std::int64_t inputs = 0, parameters = 0;
  std::vector<LayerRow> layers;
};

/// A process that has worked on the run.
struct AttemptRow {
  std::int64_t number = 0;
  std::string started, host, status;
  std::optional<std::uint32_t> first_epoch, last_epoch;  ///< those of its epochs that count
};

struct CheckpointRow {
  std::int64_t epoch = 0, batch = 0;  ///< where a run would go on
  std::string path;                   ///< from the run's folder on
  bool is_there = false;
};

struct NamedText {
  std::string name, text;
  bool operator==(const NamedText&) const = default;
};

struct RunRecord {
  std::string folder, name;  ///< as asked; "mnist_mlp-3"
  std::string status;        ///< "finished", ...
  std::string reason;        ///< "done", "signal 2"; empty without a summary
  int exit_code = 0;
  std::optional<std::uint32_t> epochs_planned;
  std::uint32_t epochs_done = 0;
  std::optional<double> seconds;
  std::string weights_sha256;
  std::vector<Curve> curves;     ///< the metric that runs are compared by and its training's, then by name, times last
  std::uint64_t torn_bytes = 0;  ///< of the journal
  std::string unread;            ///< why the journal cannot be read; empty: it can
  std::vector<std::string> damages =
      {};  ///< what of journal and ledger cannot be read, though it was written: a sentence each
  std::vector<ToldProblem> failures, warnings;
  std::vector<NodeTimes> nodes;
  std::vector<ModelRow> models;
  std::vector<Validation> validations;  ///< of models that the run has judged on its validation rows
  std::vector<AttemptRow> attempts;
  std::vector<CheckpointRow> checkpoints;
  std::vector<TestEntry> tests;        ///< looks at the test set, the oldest first
  std::vector<NamedText> environment;  ///< values of environment.json by their paths: "cpu.cores"
  std::string config;                  ///< text of config.yaml

  const Curve* curve(const std::string& metric) const;
  /// The value of a path of the environment; empty where there is none.
  std::string environment_text(const std::string& path) const;
};

/// The value of a metric of the test set, as people read it; empty where this look has none.
std::string test_value(const TestEntry& entry, const std::string& metric);

}  // namespace millrace::pipelines
