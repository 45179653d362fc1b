// Safetensors files for the clients that others wrote: `write FOLDER` makes some, `list FILE` says what Millrace reads of one.
#include "safetensors_bytes.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <cstdio>
#include <fstream>

using namespace millrace;
using namespace millrace::testing;
using Type = SafetensorsType;

namespace {

template <class T>
using Values = std::vector<T>;

constexpr const char* kMetadataText = "two\nlines, \"quoted\", \xc3\xa4\xf0\x9f\x98\x80";

void save(const std::string& path, const std::vector<SafetensorsTensor>& tensors, const SafetensorsMetadata& metadata) {
  std::ofstream file(path, std::ios::binary);
  write_safetensors(tensors, metadata, [&](std::span<const std::byte> piece) {
    file.write(reinterpret_cast<const char*>(piece.data()), std::ssize(piece));
  });
}

// The values stand in safetensors_clients_test.py too.
void write_types(const std::string& path) {
  const Values<std::uint8_t> booleans{0, 1, 1, 0, 1, 0}, u8{0, 1, 2, 127, 128, 255};
  const Values<std::int8_t> i8{0, 1, -1, 127, -128, 5};
  const Values<std::int16_t> i16{0, 1, -1, 32767, -32768, 5};
  const Values<std::uint16_t> f16{0x0000, 0x3c00, 0xc000, 0x3800, 0x7bff, 0x3400},
      bf16{0x0000, 0x3f80, 0xc000, 0x3f00, 0x4380, 0x3e80};
  const Values<std::int32_t> i32{0, 1, -1, INT32_MAX, INT32_MIN, 5};
  const Values<float> f32{0, 1, -2, 0.5F, 1e20F, 0.25F};
  const Values<std::int64_t> i64{0, 1, -1, INT64_MAX, INT64_MIN, 5};
  const Values<double> f64{0, 1, -2, 0.5, 1e200, 0.1};
  save(path,
       {tensor_of("BOOL", Type::boolean, {2, 3}, booleans), tensor_of("U8", Type::u8, {2, 3}, u8),
        tensor_of("I8", Type::i8, {2, 3}, i8), tensor_of("I16", Type::i16, {2, 3}, i16),
        tensor_of("F16", Type::f16, {2, 3}, f16), tensor_of("BF16", Type::bf16, {2, 3}, bf16),
        tensor_of("I32", Type::i32, {2, 3}, i32), tensor_of("F32", Type::f32, {2, 3}, f32),
        tensor_of("I64", Type::i64, {2, 3}, i64), tensor_of("F64", Type::f64, {2, 3}, f64)},
       {});
}

// Types that old versions of torch do not have.
void write_unsigned(const std::string& path) {
  const Values<std::uint16_t> u16{0, 1, 2, UINT16_MAX, 256, 7};
  const Values<std::uint32_t> u32{0, 1, 2, UINT32_MAX, 65536, 7};
  const Values<std::uint64_t> u64{0, 1, 2, UINT64_MAX, 65536, 7};
  save(path,
       {tensor_of("U16", Type::u16, {2, 3}, u16), tensor_of("U32", Type::u32, {2, 3}, u32),
        tensor_of("U64", Type::u64, {2, 3}, u64)},
       {});
}

// As a checkpoint names its tensors; sorted, as other writers do.
void write_model(const std::string& path) {
  const std::vector<float> bias{0.5F, -1.0F}, weight{1, 2, 3, 4, 5, 6}, scalar{7}, none;
  save(path,
       {tensor_of("0.bias", Type::f32, {2}, bias), tensor_of("0.weight", Type::f32, {2, 3}, weight),
        tensor_of("none", Type::f32, {0, 3}, none), tensor_of("scalar", Type::f32, {}, scalar)},
       {{"note", kMetadataText}});
}

void write_all(const std::string& folder) {
  write_types(folder + "/types.safetensors");
  write_unsigned(folder + "/unsigned.safetensors");
  write_model(folder + "/model.safetensors");
}

/// A line a tensor: name, type, shape, bytes in hexadecimal; a line a text.
void list(const std::string& path) {
  InputFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  for (const auto& [key, value] : header.metadata) std::printf("%s=%s\n", key.c_str(), value.c_str());
  for (const SafetensorsEntry& tensor : header.tensors) {
    std::printf("%s %s", tensor.name.c_str(), std::string(to_string(tensor.type)).c_str());
    for (const std::int64_t dimension : tensor.shape) std::printf(" %lld", static_cast<long long>(dimension));
    std::vector<std::byte> bytes(tensor.bytes);
    read_safetensors_tensor(file, tensor, 0, bytes);
    std::printf(" ");
    for (const std::byte byte : bytes) std::printf("%02x", std::to_integer<unsigned>(byte));
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc == 3 ? argv[1] : "";
  try {
    if (verb == "write")
      write_all(argv[2]);
    else if (verb == "list")
      list(argv[2]);
    else
      return 2;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.render().c_str());
    return error.exit_code();
  }
  return 0;
}
