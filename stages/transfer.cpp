// Brings packets to the device. Where the device computes on host memory there is nothing to do, and the packet goes on.
//
// A copy takes the stored bytes, whatever they mean: pixels and class ids travel as bytes. The packet leaves at once, its tensors
// say when they are ready. Small packets that wait together travel as one bundle: gathered on the host, copied by one copy, and
// sent on one by one, with one event. Of rows of a table that lies on the device only the numbers travel.
//
//   in:      any record
//   out:     the same record, on the device
//   example: train_to_device: {stage: transfer, in: train_batches}
#include "device/packet_bundle.hpp"

#include <millrace/registry.hpp>

#include <algorithm>
#include <mutex>

namespace millrace::stages {
namespace {

// A bundle ends here, so that the device can begin with its first packet while the next is being gathered.
constexpr std::size_t kBundleBytes = std::size_t{256} << 10;
constexpr std::int64_t kMostGathered = kBundleBytes / 2;

class Transfer final : public GroupedTransform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Brings packets to the device; passes them on where the device computes on host memory.")
        .input("in", RecordType::any())
        .output("out", RecordType::like("in").description("on the device"))
        .param(Param("gather_bytes", ParamType::integer().at_least(0).at_most(kMostGathered),
                     "Packets of at most so many bytes that wait together are copied as one; 0: each by itself.")
                   .in_unit("bytes")
                   .or_default(32768))
        .copies_to_device()
        .example("train_to_device: {stage: transfer, in: train_batches}");
  }
  explicit Transfer(const ParamValue& params)
      : gather_bytes_(static_cast<std::size_t>(params["gather_bytes"].integer())) {}

  void infer(InferContext& ctx) override {
    if (gather_bytes_ > 0 && ctx.device().kind != "cpu") ctx.uses_memory("bundle being gathered", kBundleBytes);
    ctx.output("out", ctx.input("in"));
  }

  void open(OpenContext& ctx) override {
    if (ctx.device().is_host()) return;
    device_ = &ctx.device();
    stream_ = device_->make_stream();
  }

  void process_group(Calls calls) const override {
    while (!calls.empty()) {
      const std::size_t count = stream_ ? packets_of_bundle(calls) : 1;
      if (!stream_)
        calls.front()->emit("out", calls.front()->input().fields);
      else if (count == 1 && !has_table_rows(calls.front()->input()))
        send(*calls.front());
      else
        send_together(calls.first(count));
      calls = calls.subspan(count);
    }
  }

  void close() noexcept override { stream_.reset(); }

 private:
  /// How many of the first calls go into one bundle; at least 1.
  std::size_t packets_of_bundle(Calls calls) const {
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < calls.size(); ++count) {
      const std::size_t more = bytes_in_bundle(calls[count]->input());
      if (more > gather_bytes_ || (bytes += more) > kBundleBytes) break;
    }
    return std::max<std::size_t>(count, 1);
  }

  void send(TransformContext& ctx) const {
    const Packet& packet = ctx.input();
    std::vector<OutTensor> targets;
    for (const Field& field : packet.fields) targets.push_back(ctx.allocate(field.tensor.spec(), packet.rows));
    const Event ready = copy(packet, targets);
    std::vector<Field> fields;
    for (std::size_t i = 0; i < targets.size(); ++i)
      fields.push_back({packet.fields[i].name, std::move(targets[i]).freeze(packet.rows, ready)});
    ctx.keep_until(ready, packet, fields);
    ctx.emit("out", std::move(fields));
  }

  // Packets share the stream. The event stands right behind the copies of its own packet, so that nobody waits for another's.
  Event copy(const Packet& packet, std::vector<OutTensor>& targets) const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const Tensor& from = packet.fields[i].tensor;
      if (from.size_bytes() > 0) stream_->copy(targets[i].bytes(), from.bytes(), from.size_bytes());
    }
    return stream_->record();
  }

  void send_together(Calls calls) const {
    PacketBundle bundle(calls, device_->staging());
    Event ready;
    {
      const std::lock_guard lock(mutex_);
      ready = bundle.enqueue(*stream_);
    }
    bundle.send(ready);
  }

  std::size_t gather_bytes_;
  Device* device_ = nullptr;
  std::unique_ptr<Stream> stream_;  ///< null where the device computes on host memory
  mutable std::mutex mutex_;
};

MILLRACE_REGISTER_STAGE("transfer", Transfer);

}  // namespace
}  // namespace millrace::stages
