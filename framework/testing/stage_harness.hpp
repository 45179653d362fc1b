// One stage outside of a graph, from its construction to close: every context but those of a call, and the calls.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/detail/node_context.hpp>
#include <millrace/detail/stage_call.hpp>
#include <millrace/registry.hpp>
#include <millrace/testing/infer_error.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::testing {

class StageHarness : public PortInference, public NodeOpening, public RunReporter {
 public:
  /// `params` are checked and complete. `info` must outlive this. Throws what the constructor throws, as making_error names it.
  StageHarness(const StageInfo& info, const ParamValue& params, std::unique_ptr<Device> device);
  ~StageHarness() override { close(); }
  StageHarness(const StageHarness&) = delete;
  StageHarness& operator=(const StageHarness&) = delete;

  // What InferContext and OpenContext both have.
  std::vector<std::string> inputs() const override { return input_ports.names(); }
  const PortSpec& input(std::string_view name) const override { return input_ports.at(name); }
  using PortInference::output;
  const PortSpec& output(std::string_view name) const override;
  const DeviceId& device() const override { return device_->id(); }
  Device& device() override { return *device_; }
  std::uint32_t epochs() const override { return node_info_.epochs; }

  // InferContext.
  void error(ErrorSite site, std::string name, std::string message, std::string help) override;
  void uses_memory(std::string, std::size_t) override {}
  void accumulates(std::int64_t) override {}
  void draws(std::string_view purpose) override { node_info_.seeds.emplace_back(purpose, seed_); }
  void measures(std::string_view output, std::vector<std::string> names) override;
  void reports(std::string_view input, std::string prefix) override;

  // OpenContext.
  Communicator& communicator() override { return others != nullptr ? *others : *alone_; }
  RunReporter& reporter() override { return *this; }

  // RunReporter.
  void epoch_metrics(const Metrics& metrics) override { reported_metrics.push_back(metrics); }
  void step(const StepProgress&) override {}
  void model(std::shared_ptr<const ModelSnapshot> snapshot) override { reported_model = std::move(snapshot); }
  void print(std::string_view text) override { printed += text; }

  // What InferContext and RunReporter both have.
  void warn(ErrorSite site, std::string name, std::string message, std::string help) override {
    warnings.push_back(
        {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
         std::move(site)});
  }
  // Once a name, as a run tells them: a stage that warns in every epoch is not one that keeps memory.
  void warn(std::string name, std::string message, std::string help) override {
    const auto is_told = [&](const InferError& told) { return told.name == name; };
    if (std::any_of(warnings.begin(), warnings.end(), is_told)) return;
    warnings.push_back(
        {{.name = std::move(name), .message = std::move(message), .help = std::move(help)}, ErrorSite::node()});
  }

  /// Declares an input, or changes its spec. Returns its index.
  std::size_t set_input(std::string_view name, PortSpec spec);
  bool takes_input(std::string_view name) const;
  NodeInfo& node_info() { return node_info_; }
  /// The seed of every purpose that infer declares.
  void set_seed(std::uint64_t seed);
  bool has_inferred() const { return inferred_; }
  /// infer, the first time; its errors are in `errors`. Throws what it throws, as making_error names it, and
  /// Error("infer-incomplete", plugin).
  void infer_once();
  /// infer and open, the first time. Throws the first error of infer, and as a call does.
  void open_once();
  bool is_open() const { return open_; }
  void close() noexcept;
  StageState save() const;
  void load(const StageState&);

  // Calls, after open_once. They throw what the contract of a call throws and what the stage throws, as stage_error names it.
  /// One call of process; `packets` by input, those that did not come without a lease. Of a Transform also at once on several
  /// threads. The first packet of a Serial tells its first epoch.
  void process(CallEngine& engine, const std::vector<Packet>& packets, std::size_t port);
  void begin_epoch(std::uint32_t epoch);
  /// One call of produce. Returns whether the epoch is over.
  bool produce(CallEngine& engine, std::uint32_t epoch);

  const StageInfo& info;
  std::unique_ptr<Stage> stage;
  PortTable input_ports, output_ports;  ///< those that are connected; those that are declared
  Communicator* others = nullptr;
  std::vector<InferError> errors, warnings;
  std::map<std::string, std::string, std::less<>> prefixes;  ///< by metrics input, of what the stage tells of it
  std::vector<Metrics> reported_metrics;
  std::string printed;
  std::shared_ptr<const ModelSnapshot> reported_model;

 private:
  void set_output(std::size_t output, PortSpec spec) override;

  std::uint64_t seed_ = 42;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> alone_;
  std::vector<bool> is_set_;  ///< one an output: infer has said what it carries
  std::optional<SourceProgress> source_progress_;
  std::optional<SerialProgress> serial_progress_;
  bool inferred_ = false, open_ = false;
};

}  // namespace millrace::testing
