// Fuzz target: any bytes as a safetensors file. It is refused by an Error of kind data that names a byte, or its tensors cover its data exactly
// once, and what was read, written again, is read the same. Behind an odd first byte come the number of data bytes and a header, in front of
// which the right length is put, so that the fuzzer need not find it.
#include <millrace/error.hpp>
#include <millrace/files/safetensors.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace millrace;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string file_of(std::string_view input) {
  if (input.empty() || input[0] % 2 == 0) return std::string(input.substr(input.empty() ? 0 : 1));
  const std::string_view header = input.substr(std::min<std::size_t>(2, input.size()));
  std::string file;
  for (std::size_t i = 0, length = header.size(); i < 8; ++i, length >>= 8U) file += static_cast<char>(length & 0xFFU);
  file += header;
  file.append(input.size() > 1 ? static_cast<unsigned char>(input[1]) : 0U, 'x');
  return file;
}

SafetensorsHeader header_of(const std::string& file) {
  return read_safetensors_header(std::as_bytes(std::span(file)), "fuzz");
}

std::string_view bytes_of(const std::string& file, const SafetensorsEntry& tensor) {
  return std::string_view(file).substr(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.bytes));
}

void require_cover(const SafetensorsHeader& header, const std::string& file) {
  std::uint64_t end = header.tensors.empty() ? file.size() : header.tensors.front().offset;
  for (const SafetensorsEntry& tensor : header.tensors) {
    require(tensor.offset == end);
    end += tensor.bytes;
  }
  require(end == file.size());
}

std::string written_again(const SafetensorsHeader& header, const std::string& file) {
  std::vector<SafetensorsTensor> tensors;
  for (const SafetensorsEntry& tensor : header.tensors)
    tensors.push_back({tensor.name, tensor.type, tensor.shape, std::as_bytes(std::span(bytes_of(file, tensor)))});
  return safetensors_text(tensors, header.metadata);
}

void require_same(const SafetensorsHeader& a, const std::string& a_file, const SafetensorsHeader& b,
                  const std::string& b_file) {
  require(a.metadata == b.metadata && a.tensors.size() == b.tensors.size());
  for (const SafetensorsEntry& tensor : a.tensors) {
    const SafetensorsEntry* other = b.find(tensor.name);
    require(other != nullptr && other->type == tensor.type && other->shape == tensor.shape);
    require(bytes_of(b_file, *other) == bytes_of(a_file, tensor));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file = file_of({reinterpret_cast<const char*>(data), size});
  SafetensorsHeader header;
  try {
    header = header_of(file);
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::data && error.name().starts_with("safetensors-"));
    require(error.message().starts_with("fuzz: at byte ") && error.message().size() < 1024);
    return 0;
  }
  require_cover(header, file);
  const std::string again = written_again(header, file);
  require_same(header, file, header_of(again), again);
  require(written_again(header_of(again), again) == again);
  return 0;
}
