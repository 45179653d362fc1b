// How the types that cross between a plugin and the engine are laid out, as data that is compared before a plugin's code runs.
//
// Sizes, places of public members and values of enumerators are one number. How many virtual functions a class has is no
// constant of the language; but a pointer to a virtual function holds its place in the table, so the function behind all
// those of a class tells how long that table is.
#pragma once

#include <millrace/byte_reader.hpp>
#include <millrace/dataset.hpp>
#include <millrace/detail/build_info.hpp>
#include <millrace/digest.hpp>
#include <millrace/files/atomic_file.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/files/claim.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/float_environment.hpp>
#include <millrace/input_file.hpp>
#include <millrace/model.hpp>
#include <millrace/peers.hpp>
#include <millrace/process_limits.hpp>
#include <millrace/random.hpp>
#include <millrace/resident_table.hpp>
#include <millrace/stage.hpp>
#include <millrace/target_check.hpp>
#include <millrace/wait_order.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>

#define MILLRACE_LAYOUT_SECTION ".note.millrace.layout"

namespace millrace::detail {

/// A number that depends on everything it was told, in order.
class LayoutHash {
 public:
  constexpr LayoutHash& add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
      value_ = (value_ ^ ((number >> shift) & 0xffU)) * 0x100000001b3U;  // FNV-1a
    return *this;
  }
  template <class T, class... Places>
  constexpr LayoutHash& type(Places... places) {
    add(sizeof(T)).add(alignof(T));
    (add(places), ...);
    return *this;
  }
  template <class... Values>
  constexpr LayoutHash& values(Values... values) {
    (add(static_cast<std::uint64_t>(values)), ...);
    return *this;
  }
  constexpr std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

template <class Base>
struct Behind : Base {
  virtual void behind();  // never defined, for nothing is ever of this type
};
template <class... Bases>
using TableEnds = std::tuple<void (Behind<Bases>::*)()...>;

// The types are of standard layout but for what the library puts into them, and both compilers know their offsets.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
#define MILLRACE_DETAIL_AT(type, member) __builtin_offsetof(type, member)

constexpr void add_data_types(LayoutHash& hash) {
  using FieldSpec = PortSpec::FieldSpec;
  hash.type<ValueRange>(MILLRACE_DETAIL_AT(ValueRange, hi))
      .type<Encoding>(MILLRACE_DETAIL_AT(Encoding, scale), MILLRACE_DETAIL_AT(Encoding, offset),
                      MILLRACE_DETAIL_AT(Encoding, classes))
      .type<TensorSpec>(MILLRACE_DETAIL_AT(TensorSpec, row_shape), MILLRACE_DETAIL_AT(TensorSpec, range),
                        MILLRACE_DETAIL_AT(TensorSpec, encoding), MILLRACE_DETAIL_AT(TensorSpec, class_names))
      .type<ClassNames>()
      .type<Tensor>()
      .type<OutTensor>()
      .type<ResidentTable>()
      .type<RowNumbers>()
      .type<Field>(MILLRACE_DETAIL_AT(Field, tensor))
      .type<SampleIds>()
      .type<PacketHeader>(MILLRACE_DETAIL_AT(PacketHeader, epoch), MILLRACE_DETAIL_AT(PacketHeader, first_row),
                          MILLRACE_DETAIL_AT(PacketHeader, last_in_epoch))
      .type<Packet>(MILLRACE_DETAIL_AT(Packet, rows), MILLRACE_DETAIL_AT(Packet, ids),
                    MILLRACE_DETAIL_AT(Packet, fields), MILLRACE_DETAIL_AT(Packet, metrics),
                    MILLRACE_DETAIL_AT(Packet, model), MILLRACE_DETAIL_AT(Packet, lease))
      .type<PacketError>()
      .type<Metrics>(MILLRACE_DETAIL_AT(Metrics, values))
      .type<StepProgress>(MILLRACE_DETAIL_AT(StepProgress, step), MILLRACE_DETAIL_AT(StepProgress, steps),
                          MILLRACE_DETAIL_AT(StepProgress, samples), MILLRACE_DETAIL_AT(StepProgress, loss),
                          MILLRACE_DETAIL_AT(StepProgress, accuracy), MILLRACE_DETAIL_AT(StepProgress, seconds))
      .type<FieldSpec>(MILLRACE_DETAIL_AT(FieldSpec, spec))
      .type<PortSpec>(MILLRACE_DETAIL_AT(PortSpec, fields), MILLRACE_DETAIL_AT(PortSpec, rows_per_epoch),
                      MILLRACE_DETAIL_AT(PortSpec, max_rows), MILLRACE_DETAIL_AT(PortSpec, model),
                      MILLRACE_DETAIL_AT(PortSpec, loss), MILLRACE_DETAIL_AT(PortSpec, range_location),
                      MILLRACE_DETAIL_AT(PortSpec, reduction));
}

constexpr void add_descriptor_types(LayoutHash& hash) {
  hash.type<ParamValue>()
      .type<ParamType>()
      .type<Param>(MILLRACE_DETAIL_AT(Param, type), MILLRACE_DETAIL_AT(Param, doc),
                   MILLRACE_DETAIL_AT(Param, default_value), MILLRACE_DETAIL_AT(Param, is_optional),
                   MILLRACE_DETAIL_AT(Param, unit))
      .type<Alternative>(MILLRACE_DETAIL_AT(Alternative, doc), MILLRACE_DETAIL_AT(Alternative, params))
      .type<TensorType>(MILLRACE_DETAIL_AT(TensorType, least_rank), MILLRACE_DETAIL_AT(TensorType, is_one_value),
                        MILLRACE_DETAIL_AT(TensorType, row_shape), MILLRACE_DETAIL_AT(TensorType, range),
                        MILLRACE_DETAIL_AT(TensorType, below_param), MILLRACE_DETAIL_AT(TensorType, dtype_of),
                        MILLRACE_DETAIL_AT(TensorType, note), MILLRACE_DETAIL_AT(TensorType, advice))
      .type<RecordType::Field>(MILLRACE_DETAIL_AT(RecordType::Field, tensors),
                               MILLRACE_DETAIL_AT(RecordType::Field, optional))
      .type<RecordType>(MILLRACE_DETAIL_AT(RecordType, takes_others), MILLRACE_DETAIL_AT(RecordType, like_input),
                        MILLRACE_DETAIL_AT(RecordType, note))
      .type<PortType>(MILLRACE_DETAIL_AT(PortType, is_record), MILLRACE_DETAIL_AT(PortType, tensors),
                      MILLRACE_DETAIL_AT(PortType, record), MILLRACE_DETAIL_AT(PortType, note))
      .type<PortDecl>(MILLRACE_DETAIL_AT(PortDecl, name), MILLRACE_DETAIL_AT(PortDecl, optional))
      .type<StageDescriptor>()
      .type<StageDescriptor::Wait>();
}

constexpr void add_context_types(LayoutHash& hash) {
  hash.type<Problem>(MILLRACE_DETAIL_AT(Problem, name), MILLRACE_DETAIL_AT(Problem, message),
                     MILLRACE_DETAIL_AT(Problem, help), MILLRACE_DETAIL_AT(Problem, notes))
      .type<Error>()
      .type<ErrorSite>(MILLRACE_DETAIL_AT(ErrorSite, path))
      .type<OutputPacket>(MILLRACE_DETAIL_AT(OutputPacket, ids), MILLRACE_DETAIL_AT(OutputPacket, first_row),
                          MILLRACE_DETAIL_AT(OutputPacket, last_in_epoch), MILLRACE_DETAIL_AT(OutputPacket, metrics),
                          MILLRACE_DETAIL_AT(OutputPacket, model))
      .type<BestEpoch>(MILLRACE_DETAIL_AT(BestEpoch, metric), MILLRACE_DETAIL_AT(BestEpoch, epoch),
                       MILLRACE_DETAIL_AT(BestEpoch, value), MILLRACE_DETAIL_AT(BestEpoch, waits),
                       MILLRACE_DETAIL_AT(BestEpoch, decided_at), MILLRACE_DETAIL_AT(BestEpoch, model))
      .type<StageState>()
      .type<RowShare>(MILLRACE_DETAIL_AT(RowShare, size), MILLRACE_DETAIL_AT(RowShare, batch_rows))
      .type<Random>()
      .type<RowOrder>()
      .type<DeviceId>(MILLRACE_DETAIL_AT(DeviceId, index))
      .type<Event>()
      .type<RowGather>()
      .type<DeviceTimes>()
      .type<DeviceChoice>()
      .type<DeviceReport>()
      .type<RankInfo>()
      .type<PeersSupport>()
      .type<ByteReader>()
      .type<InputFile>()
      .type<AtomicFile>()
      .type<JournalPosition>(MILLRACE_DETAIL_AT(JournalPosition, batch))
      .type<JournalLine>(MILLRACE_DETAIL_AT(JournalLine, position), MILLRACE_DETAIL_AT(JournalLine, kind),
                         MILLRACE_DETAIL_AT(JournalLine, values))
      .type<JournalExtent>(MILLRACE_DETAIL_AT(JournalExtent, whole_bytes),
                           MILLRACE_DETAIL_AT(JournalExtent, torn_bytes))
      .type<Journal>()
      .type<Claim>()
      .type<ClaimHolder>(MILLRACE_DETAIL_AT(ClaimHolder, is_over), MILLRACE_DETAIL_AT(ClaimHolder, host),
                         MILLRACE_DETAIL_AT(ClaimHolder, pid), MILLRACE_DETAIL_AT(ClaimHolder, silent_s))
      .type<Sha256>()
      .type<SafetensorsTensor>(MILLRACE_DETAIL_AT(SafetensorsTensor, type),
                               MILLRACE_DETAIL_AT(SafetensorsTensor, shape),
                               MILLRACE_DETAIL_AT(SafetensorsTensor, bytes))
      .type<SafetensorsEntry>(MILLRACE_DETAIL_AT(SafetensorsEntry, type), MILLRACE_DETAIL_AT(SafetensorsEntry, shape),
                              MILLRACE_DETAIL_AT(SafetensorsEntry, offset), MILLRACE_DETAIL_AT(SafetensorsEntry, bytes))
      .type<SafetensorsHeader>(MILLRACE_DETAIL_AT(SafetensorsHeader, metadata))
      .type<DatasetFile>()
      .type<DatasetInfo>()
      .type<BuildInfo>()
      .type<FloatGuard>()
      .type<ProcessLimit>()
      .type<WaitOrder>();
}

constexpr void add_model_types(LayoutHash& hash) {
  hash.type<TargetFault>(MILLRACE_DETAIL_AT(TargetFault, row))
      .type<LayerSpec>(MILLRACE_DETAIL_AT(LayerSpec, inputs), MILLRACE_DETAIL_AT(LayerSpec, activation),
                       MILLRACE_DETAIL_AT(LayerSpec, use_bias), MILLRACE_DETAIL_AT(LayerSpec, l2),
                       MILLRACE_DETAIL_AT(LayerSpec, rate), MILLRACE_DETAIL_AT(LayerSpec, is_frozen),
                       MILLRACE_DETAIL_AT(LayerSpec, kernel_initializer), MILLRACE_DETAIL_AT(LayerSpec, kernel_offset))
      .type<ModelSpec>(MILLRACE_DETAIL_AT(ModelSpec, layers))
      .type<OptimizerSpec>(MILLRACE_DETAIL_AT(OptimizerSpec, params))
      .type<ModelSnapshot>()
      .type<CheckpointPosition>(MILLRACE_DETAIL_AT(CheckpointPosition, batch),
                                MILLRACE_DETAIL_AT(CheckpointPosition, row),
                                MILLRACE_DETAIL_AT(CheckpointPosition, is_epoch_complete))
      .type<TrainerState>(MILLRACE_DETAIL_AT(TrainerState, model), MILLRACE_DETAIL_AT(TrainerState, slots),
                          MILLRACE_DETAIL_AT(TrainerState, state))
      .type<Checkpoint>(MILLRACE_DETAIL_AT(Checkpoint, trainers), MILLRACE_DETAIL_AT(Checkpoint, stages),
                        MILLRACE_DETAIL_AT(Checkpoint, metadata))
      .type<CheckpointFile>(MILLRACE_DETAIL_AT(CheckpointFile, sha256))
      .type<CheckpointHeader>(
          MILLRACE_DETAIL_AT(CheckpointHeader, trainers), MILLRACE_DETAIL_AT(CheckpointHeader, stages),
          MILLRACE_DETAIL_AT(CheckpointHeader, metadata), MILLRACE_DETAIL_AT(CheckpointHeader, sha256),
          MILLRACE_DETAIL_AT(CheckpointHeader, weights_sha256), MILLRACE_DETAIL_AT(CheckpointHeader, tensors))
      .type<CheckpointModel>(MILLRACE_DETAIL_AT(CheckpointModel, model), MILLRACE_DETAIL_AT(CheckpointModel, slots))
      .type<TrainSpec>(MILLRACE_DETAIL_AT(TrainSpec, loss), MILLRACE_DETAIL_AT(TrainSpec, optimizer),
                       MILLRACE_DETAIL_AT(TrainSpec, seed), MILLRACE_DETAIL_AT(TrainSpec, max_batch_rows),
                       MILLRACE_DETAIL_AT(TrainSpec, inputs), MILLRACE_DETAIL_AT(TrainSpec, targets),
                       MILLRACE_DETAIL_AT(TrainSpec, weighted), MILLRACE_DETAIL_AT(TrainSpec, precision),
                       MILLRACE_DETAIL_AT(TrainSpec, reduction), MILLRACE_DETAIL_AT(TrainSpec, communicator),
                       MILLRACE_DETAIL_AT(TrainSpec, checks_gradient))
      .type<TrainBatch>(MILLRACE_DETAIL_AT(TrainBatch, targets), MILLRACE_DETAIL_AT(TrainBatch, weights),
                        MILLRACE_DETAIL_AT(TrainBatch, epoch), MILLRACE_DETAIL_AT(TrainBatch, sample_ids),
                        MILLRACE_DETAIL_AT(TrainBatch, rows_over_ranks), MILLRACE_DETAIL_AT(TrainBatch, last_in_epoch),
                        MILLRACE_DETAIL_AT(TrainBatch, part_rows))
      .type<BatchSums>(MILLRACE_DETAIL_AT(BatchSums, penalty), MILLRACE_DETAIL_AT(BatchSums, correct),
                       MILLRACE_DETAIL_AT(BatchSums, absolute_error), MILLRACE_DETAIL_AT(BatchSums, samples));
}

/// Every enumerator of every enumeration, so that one put in between, behind the others or in another place changes the number.
constexpr void add_enumerators(LayoutHash& hash) {
  hash.values(DType::u8, DType::i8, DType::i16, DType::i32, DType::f32, DType::f64)
      .values(EncodingKind::dense, EncodingKind::affine_u8, EncodingKind::indicator)
      .values(PortKind::data, PortKind::metrics, PortKind::model)
      .values(ParamType::Kind::boolean, ParamType::Kind::integer, ParamType::Kind::number, ParamType::Kind::text,
              ParamType::Kind::scalar, ParamType::Kind::choice, ParamType::Kind::list, ParamType::Kind::map,
              ParamType::Kind::record, ParamType::Kind::one_of, ParamType::Kind::any_of, ParamType::Kind::float32)
      .values(InputMode::joined, InputMode::independent)
      .values(StateKind::stateless, StateKind::checkpointable, StateKind::volatile_, StateKind::resumable)
      .values(StageKind::source, StageKind::transform, StageKind::serial)
      .values(ErrorSite::What::node, ErrorSite::What::param, ErrorSite::What::input)
      .values(ErrorKind::run, ErrorKind::usage, ErrorKind::config, ErrorKind::data, ErrorKind::device,
              ErrorKind::plugin, ErrorKind::output, ErrorKind::diverged, ErrorKind::stalled)
      .values(Activation::linear, Activation::relu, Activation::sigmoid, Activation::tanh, Activation::softmax)
      .values(Loss::categorical_crossentropy, Loss::binary_crossentropy, Loss::mse)
      .values(LayerKind::dense, LayerKind::dropout)
      .values(Precision::float32, Precision::tf32, Precision::bf16)
      .values(Reduction::fast, Reduction::ordered)
      .values(SafetensorsType::boolean, SafetensorsType::u8, SafetensorsType::i8, SafetensorsType::u16,
              SafetensorsType::i16, SafetensorsType::f16, SafetensorsType::bf16, SafetensorsType::u32,
              SafetensorsType::i32, SafetensorsType::f32, SafetensorsType::u64, SafetensorsType::i64,
              SafetensorsType::f64);
}

#undef MILLRACE_DETAIL_AT
#pragma GCC diagnostic pop

constexpr std::uint64_t hash_of_public_types() {
  LayoutHash hash;
  add_data_types(hash);
  add_descriptor_types(hash);
  add_context_types(hash);
  add_model_types(hash);
  add_enumerators(hash);
  return hash.value();
}

/// What lies in section MILLRACE_LAYOUT_SECTION of every plugin. `own`: hash of what the file that defines it adds.
struct LayoutNote {
  using Tables = TableEnds<Stage, Source, Transform, GroupedTransform, Serial, InferContext, RunReporter, OpenContext,
                           WorkContext, SourceContext, TransformContext, SerialContext, Communicator, PendingSum, Peers,
                           Allocator, Stream, Device, Event::State, TrainStep, EvaluationStep>;
  std::uint64_t types = 0, own = 0;
  Tables tables;

  template <class... Bases>
  static constexpr TableEnds<Bases...> ends(const TableEnds<Bases...>*) {
    return {&Behind<Bases>::behind...};
  }
};

constexpr LayoutNote layout_note(std::uint64_t own) {
  return {hash_of_public_types(), own, LayoutNote::ends(static_cast<const LayoutNote::Tables*>(nullptr))};
}

}  // namespace millrace::detail
