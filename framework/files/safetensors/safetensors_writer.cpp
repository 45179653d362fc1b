// The header is made first, since nothing may be written that cannot be completed; the data are then handed on as they lie in memory.
#include "files/json/json_text.hpp"
#include "safetensors_format.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/detail/utf8.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <set>

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");

namespace millrace {
namespace {

constexpr std::size_t kAlignment = 8;  ///< of the data, which is that of the largest elements

using Tensors = std::span<const SafetensorsTensor>;
using TensorPointers = std::vector<const SafetensorsTensor*>;

[[noreturn]] void fail(const char* name, const std::string& what) { throw Error(ErrorKind::run, name, what); }

void require_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text.substr(at, 4));
    if (length == 0) fail("safetensors-utf8", fmt::format("byte {} of {} is not UTF-8", at, quoted_name(text)));
    at += length;
  }
}

void require_name(const std::string& name, std::set<std::string_view>& seen) {
  require_utf8(name);
  if (const std::string fault = fault_of_safetensors_name(name); !fault.empty())
    fail("safetensors-name", fmt::format("tensor {}: {}", quoted_name(name), fault));
  if (!seen.insert(name).second) fail("safetensors-duplicate", fmt::format("a second tensor {}", quoted_name(name)));
}

void require_size(const SafetensorsTensor& tensor) {
  const std::optional<std::uint64_t> bytes = safetensors_tensor_bytes(tensor.type, tensor.shape);
  if (!bytes)
    fail("safetensors-shape", fmt::format("tensor {}: no file holds {} [{}]", quoted_name(tensor.name),
                                          to_string(tensor.type), fmt::join(tensor.shape, ", ")));
  if (*bytes != tensor.bytes.size())
    fail("safetensors-bytes", fmt::format("tensor {}: {}, but {} [{}] takes {}", quoted_name(tensor.name),
                                          counted(tensor.bytes.size(), "byte"), to_string(tensor.type),
                                          fmt::join(tensor.shape, ", "), *bytes));
}

void require_limits(Tensors tensors, const SafetensorsMetadata& metadata) {
  if (std::max(tensors.size(), metadata.size()) > kMaxSafetensorsTensors)
    fail("safetensors-limit", fmt::format("{} tensors and {} texts, possible are {} of each", tensors.size(),
                                          metadata.size(), kMaxSafetensorsTensors));
  std::uint64_t texts = 0;
  for (const auto& [key, value] : metadata) texts += key.size() + value.size();
  if (texts > kMaxSafetensorsHeaderBytes)
    fail("safetensors-limit", fmt::format("metadata of {} bytes, possible are {}", texts, kMaxSafetensorsHeaderBytes));
}

void require_writable(Tensors tensors, const SafetensorsMetadata& metadata) {
  require_limits(tensors, metadata);
  for (const auto& [key, value] : metadata) {
    require_utf8(key);
    require_utf8(value);
  }
  std::set<std::string_view> seen;
  for (const SafetensorsTensor& tensor : tensors) {
    require_name(tensor.name, seen);
    require_size(tensor);
  }
}

// The largest elements first: then each tensor is aligned without a gap, which the format does not allow.
TensorPointers in_order_of_data(Tensors tensors) {
  TensorPointers order;
  order.reserve(tensors.size());
  for (const SafetensorsTensor& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const SafetensorsTensor* a, const SafetensorsTensor* b) {
    return size_of(a->type) > size_of(b->type);
  });
  return order;
}

void append_metadata(std::string& json, const SafetensorsMetadata& metadata) {
  append_json_text(json, kSafetensorsMetadataKey);
  json += ":{";
  for (const auto& [key, value] : metadata) {
    if (json.back() != '{') json += ',';
    append_json_text(json, key);
    json += ':';
    append_json_text(json, value);
  }
  json += '}';
}

/// Returns where the tensor's bytes end.
std::uint64_t append_tensor(std::string& json, const SafetensorsTensor& tensor, std::uint64_t begin) {
  const std::uint64_t end = begin + tensor.bytes.size();
  if (json.back() != '{') json += ',';
  append_json_text(json, tensor.name);
  json += fmt::format(R"(:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", to_string(tensor.type),
                      fmt::join(tensor.shape, ","), begin, end);
  if (end > kMaxSafetensorsOffset || json.size() >= kMaxSafetensorsHeaderBytes)
    fail("safetensors-limit", fmt::format("tensor {} would end at byte {} of the data, and the header have {} bytes",
                                          quoted_name(tensor.name), end, json.size()));
  return end;
}

/// A header with its length in front.
struct Front {
  std::string bytes;
  std::uint64_t data_bytes = 0;
};

Front front_of(const TensorPointers& order, const SafetensorsMetadata& metadata) {
  Front front;
  std::string json = "{";
  if (!metadata.empty()) append_metadata(json, metadata);
  for (const SafetensorsTensor* tensor : order) front.data_bytes = append_tensor(json, *tensor, front.data_bytes);
  json += '}';
  json.append((kAlignment - json.size() % kAlignment) % kAlignment, ' ');
  if (json.size() > kMaxSafetensorsHeaderBytes)
    fail("safetensors-limit",
         fmt::format("a header of {} bytes, possible are {}", json.size(), kMaxSafetensorsHeaderBytes));
  for (std::uint64_t i = 0, length = json.size(); i < kSafetensorsLengthBytes; ++i, length >>= 8U)
    front.bytes += static_cast<char>(length & 0xFFU);
  front.bytes += json;
  return front;
}

}  // namespace

void write_safetensors(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata,
                       const std::function<void(std::span<const std::byte>)>& sink) {
  require_writable(tensors, metadata);
  const TensorPointers order = in_order_of_data(tensors);
  const Front front = front_of(order, metadata);
  sink(std::as_bytes(std::span(front.bytes)));
  for (const SafetensorsTensor* tensor : order)
    for (std::size_t at = 0; at < tensor->bytes.size(); at += kSafetensorsPieceBytes)
      sink(tensor->bytes.subspan(at, std::min(kSafetensorsPieceBytes, tensor->bytes.size() - at)));
}

std::uint64_t safetensors_file_bytes(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata) {
  require_writable(tensors, metadata);
  const Front front = front_of(in_order_of_data(tensors), metadata);
  return front.bytes.size() + front.data_bytes;
}

std::string safetensors_text(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata) {
  std::string text;
  write_safetensors(tensors, metadata, [&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

}  // namespace millrace
