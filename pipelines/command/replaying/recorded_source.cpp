// To the graph it is a source like every other, so that what is behind it is checked, run and told as in a run.
#include "recorded_source.hpp"

#include "record/capsules/capsule_files.hpp"
#include "record/capsules/capsule_json.hpp"

#include <memory>
#include <utility>

namespace millrace::pipelines {
namespace {

class RecordedSource final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Sends once what a failure capsule has recorded.")
        .param(Param("capsule", ParamType::text(), "folder of the capsule"));
  }

  explicit RecordedSource(const ParamValue& params)
      : folder_(params["capsule"].text()), capsule_(read_capsule(folder_)) {}

  void infer(InferContext& ctx) override {
    for (const CapsuleInput& input : capsule_.inputs) ctx.output(input.port, input.spec);
  }

  void begin_epoch(std::uint32_t) override { sent_ = 0; }

  void produce(SourceContext& ctx) override {
    const bool is_rest = ++sent_ > 1;
    std::shared_ptr<std::vector<std::uint64_t>> ids;
    for (const CapsuleInput& input : capsule_.inputs) {
      if (!ids) ids = std::make_shared<std::vector<std::uint64_t>>(is_rest ? std::vector<std::uint64_t>() : input.ids);
      ctx.emit(input.port, is_rest ? rest_of(ctx, input) : recorded(ctx, input, ids));
    }
  }

 private:
  OutputPacket recorded(SourceContext& ctx, const CapsuleInput& input, SampleIds ids) const {
    OutputPacket packet;
    packet.fields = read_fields(folder_, input, ctx);
    if (input.spec.kind == PortKind::data) packet.ids = std::move(ids);
    packet.first_row = input.first_row;
    packet.last_in_epoch = input.last_in_epoch || input.spec.kind != PortKind::data;
    if (input.metrics) packet.metrics = std::make_shared<const Metrics>(*input.metrics);
    return packet;
  }

  static OutputPacket rest_of(SourceContext& ctx, const CapsuleInput& input) {
    OutputPacket packet;
    for (const PortSpec::FieldSpec& field : input.spec.fields)
      packet.fields.push_back({field.name, ctx.allocate(field.spec, 0).freeze()});
    packet.ids = std::make_shared<const std::vector<std::uint64_t>>();
    packet.first_row = input.first_row + input.ids.size();
    packet.last_in_epoch = true;
    return packet;
  }

  std::string folder_;
  Capsule capsule_;
  int sent_ = 0;
};

PortType type_of(const PortSpec& spec) {
  if (spec.kind == PortKind::metrics) return PortType::metrics("as recorded");
  const bool is_one = spec.fields.size() == 1 && spec.fields.front().name == kValueField;
  return is_one ? PortType(TensorType::any()) : PortType(RecordType::any());
}

}  // namespace

void add_recorded_source(const Capsule& capsule, StageRegistry& registry) {
  StageInfo info = make_stage_info<RecordedSource>(kRecorded);
  for (const CapsuleInput& input : capsule.inputs) info.spec.output(input.port, type_of(input.spec));
  registry.set_origin("", "", "", "");
  registry.add(std::move(info));
}

}  // namespace millrace::pipelines
