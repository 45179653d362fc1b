// What a stage is told of its node before its first call: the part of InferContext and OpenContext that is the same wherever a
// stage runs.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/detail/port_table.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// A node and its run, as its stage sees them.
struct MILLRACE_EXPORT NodeInfo {
  std::string name;
  std::vector<std::pair<std::string, std::uint64_t>> seeds;  ///< by purpose, of those that infer has declared
  std::uint32_t epochs = 1, first_epoch = 1;
  RowShare share;
  bool feeds_device = false;
};

/// For who lets a stage infer: the ports.
class MILLRACE_EXPORT PortInference : public InferContext {
 public:
  /// `inputs`: those that are connected, with their specs; `outputs`: those that are declared. Both must outlive this.
  PortInference(const PortTable& inputs, const PortTable& outputs) : inputs_(inputs), outputs_(outputs) {}
  ~PortInference() override;

  std::vector<std::string> inputs() const override { return inputs_.names(); }
  bool has_input(std::string_view name) const override { return inputs_.find(name).has_value(); }
  const PortSpec& input(std::string_view name) const override { return inputs_.at(name); }
  void output(std::string_view name, PortSpec spec) override { set_output(outputs_.index_of(name), std::move(spec)); }

 private:
  virtual void set_output(std::size_t output, PortSpec spec) = 0;

  const PortTable& inputs_;
  const PortTable& outputs_;
};

/// For who opens a stage: all but what the stage works with, which are device, communicator and reporter.
class MILLRACE_EXPORT NodeOpening : public OpenContext {
 public:
  /// The tables must outlive this.
  NodeOpening(NodeInfo node_info, const PortTable& inputs, const PortTable& outputs)
      : node_info_(std::move(node_info)), inputs_(inputs), outputs_(outputs) {}
  ~NodeOpening() override;

  const std::string& node() const override { return node_info_.name; }
  const PortSpec& input(std::string_view name) const override { return inputs_.at(name); }
  const PortSpec& output(std::string_view name) const override { return outputs_.at(name); }
  std::vector<std::string> inputs() const override { return inputs_.names(); }
  RowShare share() const override { return node_info_.share; }
  std::uint64_t seed(std::string_view purpose) const override;
  std::uint32_t epochs() const override { return node_info_.epochs; }
  std::uint32_t first_epoch() const override { return node_info_.first_epoch; }
  bool feeds_device() const override { return node_info_.feeds_device; }

 protected:
  NodeInfo node_info_;

 private:
  const PortTable& inputs_;
  const PortTable& outputs_;
};

}  // namespace millrace
