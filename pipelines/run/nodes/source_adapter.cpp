// A node that produces: one call of produce for each permit.
#include "output_check.hpp"
#include "work_context.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr const char* kContract =
    "this is a defect of the stage: each call of produce sends one packet on every output, all with the same rows";

/// One call of produce. Its packets are sent when it has returned and the next permit has been given, so that a thread alone
/// goes on with them before it produces more.
class ProduceContext final : public ContextOf<SourceContext> {
 public:
  ProduceContext(NodeAdapter& node, const Permit& permit, std::uint64_t seq)
      : ContextOf(node, permit.epoch), permit_(permit), seq_(seq), sent_(node.outputs().size(), false) {}

  std::uint32_t epoch() const override { return permit_.epoch; }

  void emit(std::string_view port, Emission emission) override {
    const std::size_t index = node_.output_index(port);
    const std::int64_t rows = check_emission(port, node_.outputs()[index]->spec, emission);
    if (sent_[index]) throw Error(ErrorKind::run, "source-contract", fmt::format("output `{}` twice", port), kContract);
    require_same_as_first(port, rows, emission);
    sent_[index] = true;
    Packet packet = packet_from(std::move(emission), rows);
    packet.header.seq = seq_;
    packet.header.epoch = permit_.epoch;
    packet.hold = permit_.hold;
    packets_.emplace_back(index, std::move(packet));
  }

  void send() {
    for (auto& [index, packet] : packets_) node_.send(index, std::move(packet));
  }

  void require_complete() const {
    for (std::size_t i = 0; i < sent_.size(); ++i)
      if (!sent_[i])
        throw Error(ErrorKind::run, "source-contract",
                    fmt::format("no packet on output `{}`", node_.outputs()[i]->name), kContract);
  }
  std::int64_t rows() const { return rows_; }
  bool last() const { return last_; }

 private:
  void require_same_as_first(std::string_view port, std::int64_t rows, const Emission& emission) {
    if (!any_) {
      any_ = true;
      rows_ = rows;
      last_ = emission.last_in_epoch;
      ids_ = emission.ids;
      return;
    }
    const bool same_ids = emission.ids == ids_ || (emission.ids && ids_ && *emission.ids == *ids_);
    if (rows != rows_ || emission.last_in_epoch != last_ || !same_ids)
      throw Error(ErrorKind::run, "source-contract",
                  fmt::format("output `{}` has other rows, ids or last_in_epoch than the output before", port),
                  kContract);
  }

  const Permit& permit_;
  std::uint64_t seq_;
  std::vector<bool> sent_;
  bool any_ = false, last_ = false;
  std::int64_t rows_ = 0;
  SampleIds ids_;
  std::vector<std::pair<std::size_t, Packet>> packets_;
};

class SourceAdapter final : public NodeAdapter {
 public:
  SourceAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services), source_(dynamic_cast<Source&>(*node.stage)) {}

  // The ledger gives one permit at a time; packets may still be sent when the next has come.
  bool is_concurrent() const override { return true; }

 private:
  void process(Work& work) override {
    if (work.permit.begins_pass) {
      source_.begin_pass(work.permit.epoch);
      pass_rows_ = 0;
    }
    ProduceContext context(*this, work.permit, seq_);
    source_.produce(context);
    ++seq_;
    pass_rows_ += context.rows();
    if (!context.stopping()) {
      context.require_complete();
      require_promised_rows(context.last());
    }
    services().ledger.produced(work.permit.source, context.last());
    context.send();
  }
  void skip(Work& work) override { services().ledger.produced(work.permit.source, false); }

  void require_promised_rows(bool last) const {
    if (outputs().empty() || !outputs().front()->spec.rows_per_pass) return;
    const RowShare share = share_of(node(), services().ranks);
    const std::int64_t promised = share.rows_of_pass(*outputs().front()->spec.rows_per_pass);
    if (pass_rows_ > promised || (last && pass_rows_ != promised))
      throw Error(ErrorKind::run, "source-contract",
                  fmt::format("{} in a pass, promised were {}", counted(pass_rows_, "row"), promised),
                  "the rows of a pass must be as many as infer has said");
  }

  Source& source_;
  std::uint64_t seq_ = 0;
  std::int64_t pass_rows_ = 0;
};

}  // namespace

std::unique_ptr<NodeAdapter> make_source_adapter(ValidatedNode& node, const NodeServices& services) {
  return std::make_unique<SourceAdapter>(node, services);
}

}  // namespace millrace::pipelines
