// What a stage is given when it opens.
#pragma once

#include "check/validated_graph.hpp"
#include "node_adapter.hpp"

#include <millrace/communicator.hpp>
#include <millrace/stage.hpp>

#include <memory>

namespace millrace::pipelines {

/// Outlives its stage.
class StageContext final : public OpenContext {
 public:
  /// Waits for the other processes, if there are any and the stage talks to them.
  StageContext(const ValidatedGraph& graph, NodeAdapter& node, RunNews& news, Peers* peers)
      : graph_(graph), node_(node), news_(news) {
    const ValidatedNode& valid = node.node();
    const bool talks = peers != nullptr && valid.info->spec.does_communicate();
    communicator_ = talks ? peers->communicator(valid.name, valid.info->name) : make_self_communicator();
  }

  const std::string& node() const override { return node_.node().name; }
  const PortSpec& input(std::string_view name) const override { return node_.inputs()[node_.input_index(name)]->spec; }
  const PortSpec& output(std::string_view name) const override {
    return node_.outputs()[node_.output_index(name)]->spec;
  }
  std::vector<std::string> inputs() const override { return node_.input_names(); }
  Device& device() override { return node_.services().device; }
  Communicator& communicator() override { return *communicator_; }
  RowShare share() const override { return share_of(node_.node(), graph_.ranks); }
  RunNews& news() override { return news_; }
  std::uint64_t seed() const override { return graph_.seed; }
  std::uint32_t epochs() const override { return graph_.epochs; }
  std::uint32_t first_pass() const override { return graph_.epochs == 0 ? 0 : 1; }
  bool feeds_device() const override { return node_.node().feeds_device; }

 private:
  const ValidatedGraph& graph_;
  NodeAdapter& node_;
  RunNews& news_;
  std::unique_ptr<Communicator> communicator_;
};

}  // namespace millrace::pipelines
