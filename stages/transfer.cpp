// Brings packets to the device. Where the device computes on host memory there is nothing to do, and the packet goes on.
//
// A copy takes the stored bytes, whatever they mean: pixels and class ids travel as bytes. The packet leaves at once, its tensors
// say when they are ready.
//
//   in:      any record
//   out:     the same record, on the device
//   example: train_to_device: {stage: transfer, in: train_batches}
#include <millrace/registry.hpp>

#include <mutex>

namespace millrace::stages {
namespace {

class Transfer final : public Transform {
 public:
  static void describe(StageSpec& spec) {
    spec.summary("Brings packets to the device; passes them on where the device computes on host memory.")
        .input("in", Record::any())
        .output("out", Record::like("in").noted("on the device"))
        .copies_to_device()
        .example("train_to_device: {stage: transfer, in: train_batches}");
  }
  explicit Transfer(const ParamValue&) {}

  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }

  void open(OpenContext& ctx) override {
    if (!ctx.device().is_host()) stream_ = ctx.device().make_stream();
  }

  void process(TransformContext& ctx) const override {
    const Packet& packet = ctx.input();
    if (!stream_) return ctx.emit("out", packet.fields);
    std::vector<OutTensor> targets;
    for (const Field& field : packet.fields) targets.push_back(ctx.allocate(field.tensor.spec(), packet.rows));
    const Event ready = copy(packet, targets);
    std::vector<Field> fields;
    for (std::size_t i = 0; i < targets.size(); ++i)
      fields.push_back({packet.fields[i].name, std::move(targets[i]).freeze(packet.rows, ready)});
    ctx.keep_until(ready, packet, fields);
    ctx.emit("out", std::move(fields));
  }

  void close() noexcept override { stream_.reset(); }

 private:
  // Packets share the stream. The event stands right behind the copies of its own packet, so that nobody waits for another's.
  Event copy(const Packet& packet, std::vector<OutTensor>& targets) const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const Tensor& from = packet.fields[i].tensor;
      if (from.size_bytes() > 0) stream_->copy(targets[i].bytes(), from.bytes(), from.size_bytes());
    }
    return stream_->record();
  }

  std::unique_ptr<Stream> stream_;  ///< null where the device computes on host memory
  mutable std::mutex mutex_;
};

MILLRACE_REGISTER_STAGE("transfer", Transfer);

}  // namespace
}  // namespace millrace::stages
