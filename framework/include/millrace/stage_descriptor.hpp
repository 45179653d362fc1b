// What a stage declares about itself, once: ports, parameters, kind of state, one sentence.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/packet.hpp>
#include <millrace/param.hpp>
#include <millrace/port_decl.hpp>
#include <millrace/tensor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct ModelSpec;
enum class Loss : std::uint8_t;
enum class Reduction : std::uint8_t;

/// Several input ports: one call for all packets of equal `seq` (joined), or one call a packet of any port (independent).
enum class InputMode : std::uint8_t { joined, independent };
/// Whether a Source or Serial has state between epochs, and whether save/load carry it. `resumable`, for a Serial: also between any two
/// packets of an epoch; once loaded, it leaves out the packets of that epoch that it has had, should they come again; at the last one it does what the end of an epoch asks for.
enum class StateKind : std::uint8_t { stateless, checkpointable, volatile_, resumable };
enum class StageKind : std::uint8_t { source, transform, serial };
MILLRACE_EXPORT std::string_view to_string(StageKind);

/// Concrete shape of what an edge carries; what `infer` takes and gives.
struct MILLRACE_EXPORT PortSpec {
  PortKind kind = PortKind::data;
  struct FieldSpec {
    std::string name;
    TensorSpec spec;
  };
  std::vector<FieldSpec> fields;               ///< data ports
  std::optional<std::int64_t> rows_per_epoch;  ///< unknown when empty
  std::int64_t max_rows = 0;                   ///< the most rows a packet has; 0 for metrics and models
  std::shared_ptr<const ModelSpec> model;      ///< model ports: what will come, for checks and for `plan`; else null
  Loss loss{};                                 ///< model ports: what it is trained for
  std::string range_location = {};             ///< where the outermost values are: file, row and byte; may be empty
  Reduction reduction{};                       ///< model ports: how sums over the ranks are taken for it

  /// A data port with one tensor.
  static PortSpec single(TensorSpec, std::optional<std::int64_t> rows_per_epoch, std::int64_t max_rows);
  static PortSpec of_kind(PortKind);
  /// Spec of field `name`, or null.
  const TensorSpec* find(std::string_view name) const;
  /// Spec of the only field. Throws Error("no-such-field", run) when there is not exactly one.
  const TensorSpec& only() const;
};

/// The descriptor of a stage. A stage fills it in its static `describe`.
class MILLRACE_EXPORT StageDescriptor {
 public:
  /// One sentence, for the list of stages.
  StageDescriptor& summary(std::string);
  /// A node as one would write it in a config; `stages NAME` prints it and the tests check it.
  StageDescriptor& example(std::string yaml);
  /// `TensorType::of({DType::f32})`, `RecordType::any()`, `PortType::metrics("what they are")`.
  StageDescriptor& input(std::string name, PortType);
  StageDescriptor& optional_input(std::string name, PortType);
  /// Any number of inputs, at least one, named by the user.
  StageDescriptor& any_inputs(PortType);
  StageDescriptor& output(std::string name, PortType);
  /// Besides the declared outputs, one for each key of the map parameter `param`.
  StageDescriptor& any_outputs(PortType, std::string param);
  StageDescriptor& inputs(InputMode);
  StageDescriptor& param(Param);
  StageDescriptor& state(StateKind);
  /// Packets of input `data` wait for the packet of the same epoch on input `until` (an evaluator for its model). A source
  /// must not feed both: it would starve.
  StageDescriptor& waits_for(std::string data, std::string until);
  /// The stage talks to its peers in a run over several processes: every rank has its part of each batch.
  StageDescriptor& communicates();
  /// A row that it emits, or what it does with a row, depends on which other rows are in the packet: mixed rows, statistics
  /// of a batch. In a run over several processes each has only a part of every batch, so the stage is refused there unless
  /// it communicates. `test-stage` finds a Transform that is so and does not say it.
  StageDescriptor& rows_depend_on_packet();
  /// A Serial that is right when, in a run over several processes, each of them runs it on its own part of the rows and
  /// tells nobody. Behind shared rows a Serial must say this or communicate; else the run is refused.
  StageDescriptor& every_rank_alone();
  /// What it emits lies on the device: it copies there, unless the device computes on host memory. What is upstream then
  /// writes into memory that can be copied from asynchronously.
  StageDescriptor& copies_to_device();
  /// Its data may lie on the device. All other stages read on the host, and must not stand behind one that copies there.
  /// A stage that works on the device says both: its input may lie here or there, which Stream::copy need not know, and
  /// its output lies on the device.
  StageDescriptor& reads_on_device();
  /// A source that can send the rows of OpenContext::share() alone.
  StageDescriptor& shares_rows();
  /// The stage cuts rows into batches of the integer parameter `param` rows, at positions of the whole epoch.
  StageDescriptor& cuts_batches(std::string param);

  const std::string& summary() const { return summary_; }
  const std::string& example() const { return example_; }
  const std::vector<PortDecl>& inputs() const { return inputs_; }
  const std::vector<PortDecl>& outputs() const { return outputs_; }
  const PortDecl* find_input(std::string_view name) const;
  const PortDecl* find_output(std::string_view name) const;
  /// The inputs that the user names; null when there are none. Its name is empty.
  const PortDecl* any_input() const { return any_input_ ? &*any_input_ : nullptr; }
  /// The outputs that parameter any_output_param() names; null when there are none. Its name is empty.
  const PortDecl* any_output() const { return any_output_ ? &*any_output_ : nullptr; }
  const std::string& any_output_param() const { return any_output_param_; }
  /// The outputs of a node with these checked parameters: the declared ones, then those that a parameter names.
  std::vector<PortDecl> outputs_for(const ParamValue& params) const;
  InputMode input_mode() const { return input_mode_; }
  const std::vector<Param>& params() const { return params_; }
  StateKind state() const { return state_; }
  struct Wait {
    std::string data, until;
  };
  const std::vector<Wait>& waits() const { return waits_; }
  bool does_communicate() const { return communicates_; }
  bool do_rows_depend_on_packet() const { return rows_depend_on_packet_; }
  bool is_for_every_rank_alone() const { return every_rank_alone_; }
  bool does_copy_to_device() const { return copies_to_device_; }
  bool does_read_on_device() const { return reads_on_device_; }
  bool does_share_rows() const { return shares_rows_; }
  /// Empty for a stage that cuts no batches.
  const std::string& batch_rows_param() const { return batch_rows_param_; }

 private:
  std::string summary_, example_, any_output_param_;
  std::vector<PortDecl> inputs_, outputs_;
  std::optional<PortDecl> any_input_, any_output_;
  InputMode input_mode_ = InputMode::joined;
  std::vector<Param> params_;
  StateKind state_ = StateKind::stateless;
  std::vector<Wait> waits_;
  bool communicates_ = false, copies_to_device_ = false, reads_on_device_ = false, shares_rows_ = false;
  bool rows_depend_on_packet_ = false, every_rank_alone_ = false;
  std::string batch_rows_param_;
};

}  // namespace millrace
