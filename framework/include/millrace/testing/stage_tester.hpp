// Runs one stage alone, without a graph: push packets, pop packets. Installed, so plugin authors have it too.
//
//   StageTester t("flatten");
//   t.push("in", rows<std::uint8_t>({2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));   // two rows of 2 x 3
//   REQUIRE(t.pop("out").tensor().spec().row_shape == RowShape{6});
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/registry.hpp>
#include <millrace/stage.hpp>
#include <millrace/testing/infer_error.hpp>

#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::testing {

/// How many rows of shape `row_shape` so many values are. Throws Error("shape-mismatch", run) when that is no whole number;
/// rows without elements are none.
MILLRACE_EXPORT std::int64_t count_rows(const RowShape& row_shape, std::size_t values);

/// A tensor of rows of shape `row_shape` with these values, in memory of its own. Throws as count_rows does.
template <class T>
Tensor rows(RowShape row_shape, const std::vector<T>& values, std::optional<ValueRange> range = {}) {
  static const std::unique_ptr<Allocator> allocator = make_host_allocator();
  TensorSpec spec{dtype_of<T>(), row_shape, range, {}, {}};
  const std::int64_t count = count_rows(row_shape, values.size());
  OutTensor out(spec, count, *allocator);
  if (!values.empty()) std::memcpy(out.bytes(), values.data(), values.size() * sizeof(T));
  return std::move(out).freeze();
}

/// Drives one stage through its life. infer and open run at the first push, pull or pop; infer errors are then thrown as an
/// Error of the first one's name. One thread at a time.
class MILLRACE_EXPORT StageTester {
 public:
  /// A stage of the plugin this program is linked with; `params` as a map, defaults are filled in. Throws Error("unknown-stage").
  explicit StageTester(std::string_view stage, const ParamValue::Map& params = {})
      : StageTester(linked_stages(), stage, params) {}
  StageTester(const StageRegistry& registry, std::string_view stage, const ParamValue::Map& params = {});
  ~StageTester();
  StageTester(const StageTester&) = delete;
  StageTester& operator=(const StageTester&) = delete;

  StageTester& seed(std::uint64_t);
  StageTester& epochs(std::uint32_t);
  /// What the stage's clock shows from now on: `seconds`, and `tick` more after each reading. At first 0, and it stands still.
  StageTester& clock(double seconds, double tick = 0);
  /// The stage runs on one rank of several: it talks through `communicator`, which must outlive this, and has `share`.
  StageTester& ranks(Communicator& communicator, const RowShare& share);
  /// Declares the spec of an input port; otherwise it is taken from the first packet pushed there.
  StageTester& input(std::string_view port, const PortSpec&);

  /// Runs infer alone and returns its errors.
  std::vector<InferError> infer();
  /// Spec of an output port after infer.
  const PortSpec& output_spec(std::string_view port);

  /// Sends a tensor to a port and runs the stage. seq counts up by itself; ids are 0, 1, 2, ... through the epoch. Throws as a run
  /// fails: the Error that the stage throws, "out-of-memory", "no-thread", "too-many-files", "stage-exception" or
  /// "unknown-exception" for anything else, and "no-such-port", "output-mismatch", "source-contract", "transform-contract" or "serial-contract" where it breaks its contract. For what no
  /// graph would send: Error("stage-closed", run) after close() and Error("shape-mismatch", run) for another dtype, shape or
  /// encoding than the port's.
  StageTester& push(std::string_view port, Tensor, bool last_in_epoch = false);
  /// Sends a whole packet as it is, except that seq counts up by itself.
  StageTester& push(std::string_view port, Packet);
  /// Joined inputs of several ports: sends one packet to each, then runs the stage once.
  StageTester& push_joined(std::vector<std::pair<std::string, Tensor>>, bool last_in_epoch = false);
  /// Source: one call of produce; an epoch begins by itself.
  StageTester& pull();

  bool has_output(std::string_view port) const;
  /// Takes the oldest packet off an output port. Throws Error("nothing-emitted", run) when there is none.
  Packet pop(std::string_view port = "out");
  /// Metrics and texts that the stage gave to its RunReporter.
  const std::vector<Metrics>& epoch_metrics() const;
  const std::string& printed() const;
  /// What infer warned of, and the running stage, at its node and once a name.
  const std::vector<InferError>& warnings() const;
  /// The last model that left by a port, or was given to RunReporter.
  std::shared_ptr<const ModelSnapshot> reported_model() const;
  /// What stands before the names of what comes on a metrics input, as infer has said. Throws Error("not-reported", run).
  const std::string& prefix_of(std::string_view input);

  StageState save() const;
  void load(const StageState&);
  void close();
  Stage& stage();

 private:
  struct State;
  static const StageRegistry& linked_stages() {
    static const StageRegistry registry = [] {
      StageRegistry r;
      millrace_plugin_entry()->register_stages(&r);
      return r;
    }();
    return registry;
  }
  std::unique_ptr<State> state_;
};

/// `params` checked against the descriptor, defaults filled in; what the engine hands to a stage. Throws the first of what a config
/// would be told: Error("unknown-parameter" | "missing-parameter" | "wrong-type" | "wrong-length" | "unknown-choice" |
/// "out-of-range" | "not-finite", config).
MILLRACE_EXPORT ParamValue complete_params(const std::vector<Param>& schema, const ParamValue::Map& params);

}  // namespace millrace::testing
