// A multiplication and a shift for each eight bytes: two runs are compared, nobody attacks.
#include "row_hash.hpp"

#include <millrace/model.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;  // 2^64 divided by the golden ratio

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * kOdd;
  return hash ^ (hash >> 29U);
}

std::uint64_t mixed(std::uint64_t hash, std::span<const std::byte> bytes) {
  std::uint64_t word = 0;
  for (; bytes.size() >= sizeof word; bytes = bytes.subspan(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    hash = mixed(hash, word);
  }
  word = bytes.size();
  std::memcpy(&word, bytes.data(), bytes.size());
  return mixed(hash, word);
}

template <class T>
std::uint64_t mixed_value(std::uint64_t hash, const T& value) {
  return mixed(hash, std::as_bytes(std::span(&value, 1)));
}

std::uint64_t mixed_text(std::uint64_t hash, std::string_view text) {
  return mixed(hash, std::as_bytes(std::span(text)));
}

/// Of a scaled byte the scale belongs to the value.
std::uint64_t hash_of(const TensorSpec& spec) {
  std::uint64_t hash = mixed_value(0, spec.dtype);
  hash = mixed_value(hash, spec.encoding.kind);
  hash = mixed_value(hash, spec.encoding.scale);
  hash = mixed_value(hash, spec.encoding.offset);
  return mixed_value(hash, spec.encoding.classes);
}

std::uint64_t hash_of(const Metrics& metrics) {
  std::uint64_t hash = 0;
  for (const auto& [name, value] : metrics.values)
    if (!is_of_the_clock(name)) hash = mixed_value(mixed_text(hash, name), value);
  return hash;
}

void mix_field(const Field& field, std::span<RowHash> rows) {
  const std::uint64_t spec = hash_of(field.tensor.spec());
  const std::size_t bytes = field.tensor.spec().stored_row_bytes();
  const std::byte* at = field.tensor.bytes();
  for (RowHash& row : rows) {
    row.hash = mixed(mixed(row.hash, spec), std::span(at, bytes));
    at += bytes;
  }
}

}  // namespace

void add_hashes(const Packet& packet, std::uint64_t batch, std::vector<RowHash>& to) {
  if (packet.metrics) return to.push_back({kEpochEnd, batch, hash_of(*packet.metrics)});
  if (packet.model) return to.push_back({kEpochEnd, batch, mixed_text(0, packet.model->weights_sha256())});
  const std::size_t before = to.size();
  const std::span<const std::uint64_t> ids = packet.sample_ids();
  for (std::size_t i = 0; i < ids.size(); ++i)
    to.push_back({packet.header.first_row + i, batch, mixed(std::uint64_t{0}, ids[i])});
  for (const Field& field : packet.fields) mix_field(field, std::span(to).subspan(before));
}

bool is_of_the_clock(std::string_view metric) {
  return metric.ends_with("seconds") || metric.ends_with("samples_per_second");
}

}  // namespace millrace::pipelines
