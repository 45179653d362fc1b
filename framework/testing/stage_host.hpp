// One stage outside of a graph: every context but those of a call, and its life up to open and close.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/registry.hpp>
#include <millrace/stage.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::testing {

class StageHost : public InferContext,
                  public InferClaims,
                  public InferNotes,
                  public OpenContext,
                  public NodeSeeds,
                  public RunNews,
                  public RunWarnings {
 public:
  /// `params` are checked and complete. `info` must outlive this.
  StageHost(const StageInfo& info, const ParamValue& params, std::unique_ptr<Device> device);
  ~StageHost() override { close(); }
  StageHost(const StageHost&) = delete;
  StageHost& operator=(const StageHost&) = delete;

  // InferContext and OpenContext.
  std::vector<std::string> inputs() const override;
  bool has_input(std::string_view name) const override { return find_input(name) != nullptr; }
  const PortSpec& input(std::string_view name) const override;
  void output(std::string_view name, PortSpec spec) override;
  const PortSpec& output(std::string_view name) const override;
  void error(At at, std::string name, std::string message, std::string help) override;
  void uses_memory(std::string, std::size_t) override {}
  void accumulates(std::int64_t) override {}
  const DeviceId& device() const override { return device_->id(); }
  std::uint64_t seed() const override { return seed_value; }
  void will_draw(std::string_view purpose) override { purposes.emplace(purpose); }
  void will_measure(std::string_view output, std::vector<std::string> names) override;
  void will_report(std::string_view input, std::string prefix) override;
  std::optional<std::uint64_t> find_seed(std::string_view purpose) const override {
    return purposes.contains(purpose) ? std::optional(seed_value) : std::nullopt;
  }
  std::uint32_t epochs() const override { return epoch_count; }
  const std::string& node() const override { return info.name; }
  Device& device() override { return *device_; }
  Communicator& communicator() override { return others != nullptr ? *others : *alone_; }
  RowShare share() const override { return row_share; }
  RunNews& news() override { return *this; }
  std::uint32_t first_pass() const override { return first; }
  bool feeds_device() const override { return false; }

  // RunNews.
  void epoch_metrics(const Metrics& metrics) override { reported_metrics.push_back(metrics); }
  void step(const StepProgress&) override {}
  void model(std::shared_ptr<const ModelSnapshot> snapshot) override { reported_model = std::move(snapshot); }
  void print(std::string_view text) override { printed += text; }

  // InferNotes and RunWarnings.
  void warning(At at, std::string name, std::string message, std::string help) override {
    warnings.push_back({std::move(at), std::move(name), std::move(message), std::move(help)});
  }
  // Once a name, as a run tells them: a stage that warns in every pass is not one that keeps memory.
  void warning(std::string name, std::string message, std::string help) override {
    const auto is_told = [&](const InferError& told) { return told.name == name; };
    if (std::any_of(warnings.begin(), warnings.end(), is_told)) return;
    warnings.push_back({At::node(), std::move(name), std::move(message), std::move(help)});
  }

  /// Declares an input, or changes its spec.
  void set_input(std::string_view name, PortSpec spec);
  bool takes_input(std::string_view name) const;
  bool has_inferred() const { return inferred_; }
  /// infer, the first time; its errors are in `errors`.
  void infer_once();
  /// infer and open, the first time. Throws the first error of infer.
  void open_once();
  bool is_open() const { return open_; }
  void close() noexcept;
  StageState save() const;
  void load(const StageState&);

  const StageInfo& info;
  std::unique_ptr<Stage> stage;
  Communicator* others = nullptr;
  RowShare row_share;
  std::uint64_t seed_value = 42;
  std::uint32_t epoch_count = 5, first = 1;
  std::vector<InferError> errors, warnings;
  std::set<std::string, std::less<>> purposes;               ///< that infer has said it draws for
  std::map<std::string, std::string, std::less<>> prefixes;  ///< by metrics input, of what the stage tells of it
  std::vector<Metrics> reported_metrics;
  std::string printed;
  std::shared_ptr<const ModelSnapshot> reported_model;
  /// By name; empty until infer has set it.
  std::map<std::string, std::optional<PortSpec>, std::less<>> outputs;

 private:
  const PortSpec* find_input(std::string_view name) const;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> alone_;
  std::vector<std::pair<std::string, PortSpec>> inputs_;
  bool inferred_ = false, open_ = false;
};

}  // namespace millrace::testing
