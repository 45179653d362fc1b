// Stages made of functions, and graphs of them without YAML: what the tests of running graphs are written with.
#pragma once

#include "run/runner.hpp"

#include <millrace/registry.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

using pipelines::RunFailure;
using pipelines::RunOptions;
using pipelines::RunReport;
using pipelines::ValidatedGraph;
using pipelines::ValidatedNode;

/// Numbers i32 [n]: the value of a row is its sample id.
inline TensorSpec number_spec() { return TensorSpec{DType::i32, {}, {}, {}, {}}; }
inline PortSpec numbers(std::int64_t max_rows = 0) { return PortSpec::single(number_spec(), {}, max_rows); }

/// open and close of a stage, for stages that have something to say there.
struct Life {
  std::function<void(OpenContext&)> open = [](OpenContext&) {};
  std::function<void()> close = [] {};
};

/// Rows 0, 1, 2, ... of each epoch in blocks, on every output.
class CountingSource final : public Source {
 public:
  using Hook = std::function<void(std::uint32_t epoch, std::int64_t block)>;
  CountingSource(std::int64_t rows, std::int64_t block, Hook hook = {}, Life life = {})
      : rows_(rows), block_(block), hook_(std::move(hook)), life_(std::move(life)) {}

  void infer(InferContext&) override {}
  void open(OpenContext& ctx) override { life_.open(ctx); }
  void close() noexcept override { life_.close(); }
  void begin_epoch(std::uint32_t) override { at_ = 0; }
  void produce(SourceContext& ctx) override {
    if (hook_) hook_(ctx.epoch(), at_ / block_);
    const std::int64_t count = std::min(block_, rows_ - at_);
    OutTensor out = ctx.allocate(number_spec(), count);
    std::iota(out.values<std::int32_t>().begin(), out.values<std::int32_t>().end(), static_cast<std::int32_t>(at_));
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(count));
    std::iota(ids->begin(), ids->end(), static_cast<std::uint64_t>(at_));
    const Tensor tensor = std::move(out).freeze();
    const auto first = static_cast<std::uint64_t>(at_);
    at_ += count;
    for (const std::string& port : names_) ctx.emit(port, OutputPacket::tensor(tensor, ids, first, at_ == rows_));
  }
  /// Other outputs than `out`.
  void set_outputs(std::vector<std::string> names) { names_ = std::move(names); }

 private:
  std::int64_t rows_, block_, at_ = 0;
  Hook hook_;
  Life life_;
  std::vector<std::string> names_ = {"out"};
};

class FunctionSource final : public Source {
 public:
  explicit FunctionSource(std::function<void(SourceContext&)> f) : f_(std::move(f)) {}
  void infer(InferContext&) override {}
  void produce(SourceContext& ctx) override { f_(ctx); }

 private:
  std::function<void(SourceContext&)> f_;
};

class FunctionTransform final : public Transform {
 public:
  explicit FunctionTransform(std::function<void(TransformContext&)> f, Life life = {})
      : f_(std::move(f)), life_(std::move(life)) {}
  void infer(InferContext&) override {}
  void open(OpenContext& ctx) override { life_.open(ctx); }
  void close() noexcept override { life_.close(); }
  void process(TransformContext& ctx) const override { f_(ctx); }

 private:
  std::function<void(TransformContext&)> f_;
  Life life_;
};

class FunctionSerial final : public Serial {
 public:
  explicit FunctionSerial(std::function<void(SerialContext&)> f, Life life = {})
      : f_(std::move(f)), life_(std::move(life)) {}
  void infer(InferContext&) override {}
  void open(OpenContext& ctx) override { life_.open(ctx); }
  void close() noexcept override { life_.close(); }
  void process(SerialContext& ctx) override { f_(ctx); }

 private:
  std::function<void(SerialContext&)> f_;
  Life life_;
};

/// Rows to batches: copies them, emits full ones, and a short one at the end of an epoch.
class TestBatcher final : public Serial {
 public:
  explicit TestBatcher(std::int64_t batch) : batch_(batch) {}
  void infer(InferContext&) override {}
  void process(SerialContext& ctx) override {
    const Packet& in = ctx.input();
    const auto values = in.tensor().stored<std::int32_t>();
    bool ended = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      rows_.push_back(values[i]);
      ended = in.header.last_in_epoch && i + 1 == values.size();
      if (ended || static_cast<std::int64_t>(rows_.size()) == batch_) send(ctx, ended);
    }
    if (in.header.last_in_epoch && !ended) send(ctx, true);
  }

 private:
  void send(SerialContext& ctx, bool last) {
    OutTensor out = ctx.allocate(number_spec(), static_cast<std::int64_t>(rows_.size()));
    std::copy(rows_.begin(), rows_.end(), out.values<std::int32_t>().begin());
    auto ids = std::make_shared<std::vector<std::uint64_t>>(rows_.begin(), rows_.end());
    const std::uint64_t first = ids->empty() ? 0 : ids->front();
    ctx.emit("out", OutputPacket::tensor(std::move(out).freeze(), std::move(ids), first, last));
    rows_.clear();
  }

  std::int64_t batch_;
  std::vector<std::int32_t> rows_;
};

/// Sends on what came in.
inline void pass_on(TransformContext& ctx) { ctx.emit("out", ctx.input().tensor()); }
inline void pass_on_serial(SerialContext& ctx) {
  const Packet& in = ctx.input(ctx.port());
  ctx.emit("out", OutputPacket::tensor(in.tensor(), in.ids, in.header.first_row, in.header.last_in_epoch));
}

/// What a sink has seen. One thread at a time writes, as a Serial does; read it after the run.
struct Seen {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> packets;  ///< epoch, seq
  std::vector<std::int32_t> rows;
  std::vector<std::uint32_t> ended;  ///< epochs

  void add(const Packet& packet) {
    packets.emplace_back(packet.header.epoch, packet.header.seq);
    if (!packet.fields.empty()) {
      const auto values = packet.tensor().stored<std::int32_t>();
      rows.insert(rows.end(), values.begin(), values.end());
    }
    if (packet.header.last_in_epoch) ended.push_back(packet.header.epoch);
  }
};
inline std::unique_ptr<Stage> sink(Seen& seen) {
  return std::make_unique<FunctionSerial>([&seen](SerialContext& ctx) { seen.add(ctx.input(ctx.port())); });
}

/// Rows of `epochs` epochs of 0 ... rows-1.
inline std::vector<std::int32_t> expected_rows(std::int32_t rows, int epochs) {
  std::vector<std::int32_t> all;
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (std::int32_t row = 0; row < rows; ++row) all.push_back(row);
  return all;
}

/// A graph that somebody has already validated.
class TestGraph {
 public:
  using Outputs = std::vector<std::pair<std::string, PortSpec>>;
  using Inputs = std::vector<std::pair<std::string, std::string>>;  ///< port, "node.port"

  explicit TestGraph(std::uint32_t epochs = 1, int threads = 2) {
    graph_.name = "test";
    graph_.epochs = epochs;
    graph_.first_epoch = std::min(epochs, 1U);
    graph_.threads = threads;
  }

  /// A node; `inputs` name earlier nodes. Budget of a source: 4 blocks.
  ValidatedNode& add(std::string name, std::unique_ptr<Stage> stage, Inputs inputs, Outputs outputs,
                     InputMode mode = InputMode::joined) {
    StageInfo& info = infos_.emplace_back();
    info.name = "stage_of_" + name;
    info.kind = dynamic_cast<Source*>(stage.get())      ? StageKind::source
                : dynamic_cast<Transform*>(stage.get()) ? StageKind::transform
                                                        : StageKind::serial;
    info.spec.inputs(mode);
    ValidatedNode node;
    node.name = std::move(name);
    node.info = &info;
    node.stage = std::move(stage);
    node.outputs = std::move(outputs);
    node.budget_blocks = node.declared_blocks = 4;
    node.where.line = static_cast<int>(graph_.nodes.size()) + 10;
    for (const auto& [port, from] : inputs) node.inputs.push_back(edge(port, from));
    graph_.nodes.push_back(std::move(node));
    return graph_.nodes.back();
  }
  ValidatedNode& source(std::string name, std::int64_t rows, std::int64_t block, CountingSource::Hook hook = {}) {
    return add(std::move(name), std::make_unique<CountingSource>(rows, block, std::move(hook)), {},
               {{"out", numbers(block)}});
  }
  /// A source with several outputs, all the same.
  ValidatedNode& source(std::string name, std::int64_t rows, std::int64_t block,
                        const std::vector<std::string>& ports) {
    auto stage = std::make_unique<CountingSource>(rows, block);
    stage->set_outputs(ports);
    Outputs outputs;
    for (const std::string& port : ports) outputs.emplace_back(port, numbers(block));
    return add(std::move(name), std::move(stage), {}, std::move(outputs));
  }
  ValidatedNode& transform(std::string name, std::string from, std::function<void(TransformContext&)> f = pass_on) {
    return add(std::move(name), std::make_unique<FunctionTransform>(std::move(f)), {{"in", std::move(from)}},
               {{"out", numbers()}});
  }
  ValidatedNode& serial(std::string name, std::string from, std::function<void(SerialContext&)> f = pass_on_serial) {
    return add(std::move(name), std::make_unique<FunctionSerial>(std::move(f)), {{"in", std::move(from)}},
               {{"out", numbers()}});
  }
  ValidatedNode& sink(std::string name, std::string from, Seen& seen) {
    return add(std::move(name), testing::sink(seen), {{"in", std::move(from)}}, {});
  }

  RunReport run(const RunOptions& options = {}) { return pipelines::run(graph_, options); }
  ValidatedGraph& graph() { return graph_; }

 private:
  pipelines::ValidatedEdge edge(const std::string& port, const std::string& from) const {
    const auto dot = from.find('.');
    const std::string node = from.substr(0, dot);
    std::size_t index = 0;
    while (graph_.nodes.at(index).name != node) ++index;
    return {port, index, dot == std::string::npos ? "out" : from.substr(dot + 1)};
  }

  std::deque<StageInfo> infos_;
  ValidatedGraph graph_;
};

/// Names of the failures, in the order in which they happened; for comparisons in one line.
inline std::vector<std::string> failure_names(const RunReport& report) {
  std::vector<std::string> names;
  for (const RunFailure& failure : report.failures) names.push_back(failure.name);
  return names;
}

inline const pipelines::NodeReport& report_of(const RunReport& report, const std::string& node) {
  return *std::find_if(report.nodes.begin(), report.nodes.end(), [&](const auto& n) { return n.name == node; });
}

/// In a chain: every packet that a node emitted was taken or discarded by the next.
inline bool chain_balances(const RunReport& report) {
  for (std::size_t i = 1; i < report.nodes.size(); ++i)
    if (report.nodes[i - 1].emitted != report.nodes[i].packets + report.nodes[i].discarded) return false;
  return true;
}

}  // namespace millrace::testing
