// Safetensors files for tests: a header's text with its length, and tensors over numbers.
#pragma once

#include <millrace/files/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace millrace::testing {

inline std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i, value >>= 8U) bytes += static_cast<char>(value & 0xFFU);
  return bytes;
}

/// A file: the header's length, the header as it is, the data.
inline std::string safetensors_of(const std::string& header, const std::string& data) {
  return little_endian(header.size()) + header + data;
}

inline SafetensorsHeader header_of(const std::string& file) {
  return read_safetensors_header(std::as_bytes(std::span(file)), "t.safetensors");
}

/// The bytes of a tensor of a file in memory.
inline std::string bytes_of(const std::string& file, const SafetensorsEntry& tensor) {
  return file.substr(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.bytes));
}

/// What to write; `values` outlives the writing.
template <class T>
SafetensorsTensor tensor_of(std::string name, SafetensorsType type, std::vector<std::int64_t> shape,
                            const std::vector<T>& values) {
  return {std::move(name), type, std::move(shape), std::as_bytes(std::span(values))};
}

/// Values as the bytes of a file.
template <class T>
std::string memory_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace millrace::testing
