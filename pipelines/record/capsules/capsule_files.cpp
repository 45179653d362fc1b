// The folder has another name until all of its files are on the disk.
#include "capsule_files.hpp"

#include "capsule_json.hpp"
#include "record/folder/folder_calls.hpp"
#include "record/folder/record_failure.hpp"
#include "record/folder/run_folder.hpp"

#include <millrace/byte_reader.hpp>
#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>
#include <millrace/files/npy.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNode = "node";
constexpr const char* kEpoch = "epoch";
constexpr const char* kBatch = "batch";
constexpr const char* kRow = "row";
constexpr const char* kEpochEnd = "epoch_end";

std::string below(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }

[[noreturn]] void unreadable(const std::string& what) {
  throw Error(ErrorKind::data, "capsule-unreadable", what, "copy the capsule again, as a whole folder");
}

std::vector<std::int64_t> stored_shape(const TensorSpec& spec, std::int64_t rows) {
  std::vector<std::int64_t> shape{rows};
  if (spec.encoding.kind != EncodingKind::indicator)
    shape.insert(shape.end(), spec.row_shape.begin(), spec.row_shape.end());
  return shape;
}

void write_npy(const std::string& path, const Tensor& tensor) {
  AtomicFile file(path);
  const TensorSpec& spec = tensor.spec();
  file.write(npy_header_text(npy_type(spec.stored_dtype()), stored_shape(spec, tensor.rows())));
  file.write(std::span(tensor.bytes(), tensor.size_bytes()));
  file.replace();
}

void write_inputs(const std::string& folder, const Capsule& capsule, std::span<const Packet> packets) {
  make_folder(below(folder, kCapsuleInputs));
  for (std::size_t i = 0; i < packets.size(); ++i)
    for (std::size_t k = 0; k < packets[i].fields.size(); ++k)
      write_npy(below(below(folder, kCapsuleInputs), capsule.inputs[i].files[k]), packets[i].fields[k].tensor);
}

std::uint64_t number_of(const SafetensorsMetadata& metadata, const char* key) {
  const auto text = metadata.find(key);
  std::uint64_t number = 0;
  if (text != metadata.end()) std::from_chars(text->second.data(), text->second.data() + text->second.size(), number);
  return number;
}

Tensor read_tensor(const std::string& path, const TensorSpec& spec, std::int64_t rows, WorkContext& context) {
  ByteReader reader(path);
  OutTensor out = context.allocate(spec, rows);
  const std::size_t bytes = static_cast<std::size_t>(rows) * spec.stored_row_bytes();
  const NpyHeader header = read_npy_header(reader, bytes);
  if (npy_dtype(header.type) != spec.stored_dtype() || header.shape != stored_shape(spec, rows) ||
      header.payload_bytes != bytes)
    unreadable(fmt::format("`{}` has not the {} rows of {} that capsule.json tells of", path, rows, spec.describe()));
  read_npy_values(reader, header, std::span(out.bytes(), bytes));
  require_npy_end(reader);
  return std::move(out).freeze();
}

}  // namespace

void add_packet(const Packet& packet, CapsuleInput& input) {
  input.rows = packet.rows;
  input.first_row = packet.header.first_row;
  input.last_in_epoch = packet.header.last_in_epoch;
  if (packet.ids) input.ids = *packet.ids;
  if (packet.metrics) input.metrics = *packet.metrics;
  for (const Field& field : packet.fields) {
    const bool is_one = packet.fields.size() == 1 && field.name == kValueField;
    input.files.push_back(file_name_of(is_one ? input.port : input.port + "." + field.name) + ".npy");
  }
}

void write_capsule(const std::string& folder, const std::string& name, const Capsule& capsule,
                   std::span<const Packet> packets) {
  make_folder(folder);
  const std::string unfinished = below(folder, "." + name);
  std::error_code failed;
  fs::remove_all(unfinished, failed);
  make_folder(unfinished);
  write_inputs(unfinished, capsule, packets);
  write_atomically(below(unfinished, kCapsuleFile), capsule_text(capsule));
  sync_names(unfinished);
  fs::rename(unfinished, below(folder, name), failed);
  if (failed) throw unwritable_record("make", below(folder, name), failed.value());
  sync_names(folder);
}

void write_capsule_state(const std::string& capsule_folder, const NodeState& state) {
  std::vector<SafetensorsTensor> entries;
  for (const auto& [name, bytes] : state.state.entries())
    entries.push_back({name, SafetensorsType::u8, {static_cast<std::int64_t>(bytes.size())}, bytes});
  const SafetensorsMetadata metadata = {{kNode, state.node},
                                        {kEpoch, std::to_string(state.position.epoch)},
                                        {kBatch, std::to_string(state.position.batch)},
                                        {kRow, std::to_string(state.position.row)},
                                        {kEpochEnd, state.position.is_epoch_end ? "1" : "0"}};
  AtomicFile file(below(capsule_folder, kCapsuleState));
  write_safetensors(entries, metadata, [&](std::span<const std::byte> piece) { file.write(piece); });
  file.replace();
}

std::vector<Field> read_fields(const std::string& capsule_folder, const CapsuleInput& input, WorkContext& context) {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < input.files.size(); ++i) {
    const PortSpec::FieldSpec& field = input.spec.fields[i];
    const std::string path = below(below(capsule_folder, kCapsuleInputs), input.files[i]);
    fields.push_back({field.name, read_tensor(path, field.spec, input.rows, context)});
  }
  return fields;
}

std::optional<NodeState> read_capsule_state(const std::string& capsule_folder, const std::string& node) {
  const std::string path = below(capsule_folder, kCapsuleState);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  InputFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  NodeState state{node, {}, {}};
  state.position.epoch = static_cast<std::uint32_t>(number_of(header.metadata, kEpoch));
  state.position.batch = number_of(header.metadata, kBatch);
  state.position.row = number_of(header.metadata, kRow);
  state.position.is_epoch_end = number_of(header.metadata, kEpochEnd) != 0;
  for (const SafetensorsEntry& entry : header.tensors) {
    std::vector<std::byte> bytes(entry.bytes);
    read_safetensors_tensor(file, entry, 0, bytes);
    state.state.put(entry.name, bytes);
  }
  return state;
}

}  // namespace millrace::pipelines
