// Safetensors files: bytes written out by hand are read and written alike, every type comes back, and a gigabyte takes no memory.
#include "allocation_count.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "safetensors_bytes.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/input_file.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

using namespace millrace;
using namespace millrace::testing;
using Type = SafetensorsType;
using Shape = std::vector<std::int64_t>;

namespace {

constexpr std::array<Type, 13> kTypes{Type::boolean, Type::u8,  Type::i8,  Type::u16, Type::i16, Type::f16, Type::bf16,
                                      Type::u32,     Type::i32, Type::f32, Type::u64, Type::i64, Type::f64};

// By the format's definition: the header's length, 137 bytes of JSON and 7 spaces, an F32 [2, 2] and a U8 [3].
const std::string kByHand = std::string("\x90\0\0\0\0\0\0\0", 8) +
                            R"({"__metadata__":{"a":"bc"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                            R"("u":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}}       )" +
                            std::string("\0\0\x80\x3f\0\0\0\xc0\0\0\0\0\0\0\x80\x3e", 16) + "\x01\x02\xff";
const std::vector<float> kWeights{1.0F, -2.0F, 0.0F, 0.25F};
const std::vector<std::uint8_t> kBytes{1, 2, 255};

std::string sample_bytes(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 37 + 11);
  return bytes;
}

std::string name_of_refusal(const SafetensorsTensor& tensor, const SafetensorsMetadata& metadata = {}) {
  const Error error = error_of([&] { safetensors_text({&tensor, 1}, metadata); });
  CHECK(error.kind() == ErrorKind::run);
  CHECK(error_of([&] { safetensors_file_bytes({&tensor, 1}, metadata); }).name() == error.name());
  return error.name();
}

SafetensorsTensor byte_tensor(std::string name) { return tensor_of(std::move(name), Type::u8, {3}, kBytes); }

}  // namespace

TEST_CASE("The bytes that the format's definition gives are read") {
  const SafetensorsHeader header = header_of(kByHand);
  CHECK(header.metadata == SafetensorsMetadata{{"a", "bc"}});
  REQUIRE(header.tensors.size() == 2);
  const SafetensorsEntry* w = header.find("w");
  REQUIRE(w == &header.tensors[0]);
  CHECK(w->type == Type::f32);
  CHECK(w->shape == Shape{2, 2});
  CHECK(bytes_of(kByHand, *w) == memory_of(kWeights));
  const SafetensorsEntry* u = header.find("u");
  REQUIRE(u != nullptr);
  CHECK(u->type == Type::u8);
  CHECK(bytes_of(kByHand, *u) == memory_of(kBytes));
  CHECK(header.find("v") == nullptr);
}

TEST_CASE("The same bytes are written, whatever the order of tensors of two sizes") {
  const auto w = tensor_of("w", Type::f32, {2, 2}, kWeights);
  CHECK(safetensors_text(std::array{w, byte_tensor("u")}, {{"a", "bc"}}) == kByHand);
  CHECK(safetensors_text(std::array{byte_tensor("u"), w}, {{"a", "bc"}}) == kByHand);
  CHECK(safetensors_file_bytes(std::array{byte_tensor("u"), w}, {{"a", "bc"}}) == kByHand.size());
}

TEST_CASE("A file without tensors or metadata is one") {
  const std::string file = safetensors_text({}, {});
  CHECK(file == safetensors_of("{}      ", ""));
  CHECK(header_of(file).tensors.empty());
  CHECK(header_of(file).metadata.empty());
}

TEST_CASE("Every type comes back, aligned to its elements, in every shape") {
  const Shape shape = GENERATE(Shape{}, Shape{3}, Shape{0}, Shape{2, 0, 5}, Shape{1, 3, 5});
  std::size_t elements = 1;
  for (const std::int64_t dimension : shape) elements *= static_cast<std::size_t>(dimension);
  const std::string memory = sample_bytes(8 * elements);
  std::vector<SafetensorsTensor> tensors;
  for (const Type type : kTypes)
    tensors.push_back({std::string("tensor ") + std::string(to_string(type)), type, shape,
                       std::as_bytes(std::span(memory)).first(elements * size_of(type))});
  const std::string file = safetensors_text(tensors, {});
  const SafetensorsHeader header = header_of(file);
  REQUIRE(header.tensors.size() == kTypes.size());
  for (const SafetensorsTensor& tensor : tensors) {
    CAPTURE(tensor.name, shape);
    const SafetensorsEntry* entry = header.find(tensor.name);
    REQUIRE(entry != nullptr);
    CHECK(entry->type == tensor.type);
    CHECK(entry->shape == shape);
    CHECK(entry->offset % size_of(tensor.type) == 0);
    CHECK(bytes_of(file, *entry) == memory.substr(0, elements * size_of(tensor.type)));
  }
}

TEST_CASE("Types have the format's names and sizes, and Millrace's have theirs in it") {
  std::string names;
  for (const Type type : kTypes) names += std::string(to_string(type)) + ' ' + std::to_string(size_of(type)) + ' ';
  CHECK(names == "BOOL 1 U8 1 I8 1 U16 2 I16 2 F16 2 BF16 2 U32 4 I32 4 F32 4 U64 8 I64 8 F64 8 ");
  const std::array dtypes{DType::u8, DType::i8, DType::i16, DType::i32, DType::f32, DType::f64};
  const std::array types{Type::u8, Type::i8, Type::i16, Type::i32, Type::f32, Type::f64};
  for (std::size_t i = 0; i < dtypes.size(); ++i) CHECK(safetensors_type(dtypes[i]) == types[i]);
}

TEST_CASE("Any text comes back as a name, a key or a value, and is written as other writers do") {
  const std::string text = "\"\\/\b\f\n\r\t\x01\x7f \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  const std::string file = safetensors_text(std::array{byte_tensor(text)}, {{text, text}, {"", ""}});
  CHECK(header_of(file).metadata == SafetensorsMetadata{{text, text}, {"", ""}});
  CHECK(header_of(file).find(text) != nullptr);
  CHECK(file.find(R"("\"\\/\b\f\n\r\t\u0001)") != std::string::npos);
}

TEST_CASE("Escapes and space of other writers are read") {
  const std::string file = safetensors_of(
      "{ \"\\u00e4\\u20AC\\ud83d\\ude00\\/\\u0041\" :\t{\"data_offsets\": [ 0 , 1 ] ,\n"
      "\"shape\":[ ],\r\"dtype\":\"BOOL\"} } \n",
      "\1");
  const SafetensorsHeader header = header_of(file);
  REQUIRE(header.tensors.size() == 1);
  CHECK(header.tensors[0].name == "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80/A");
  CHECK(header.tensors[0].bytes == 1);
}

TEST_CASE("Tensors are listed in the order of their bytes, whatever the order of the header") {
  const SafetensorsHeader header = header_of(safetensors_of(
      R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"none":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},)"
      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
      "xyz"));
  REQUIRE(header.tensors.size() == 3);
  CHECK(header.tensors[0].name == "a");
  CHECK(header.tensors[1].name == "none");
  CHECK(header.tensors[2].name == "b");
  CHECK(header.tensors[2].offset - header.tensors[0].offset == 1);
}

TEST_CASE("What no reader would take is not written") {
  CHECK(name_of_refusal(byte_tensor("__metadata__")) == "safetensors-name");
  CHECK(name_of_refusal(byte_tensor(std::string("a\0b", 3))) == "safetensors-name");
  CHECK(name_of_refusal(byte_tensor(std::string(257, 'n'))) == "safetensors-name");
  CHECK(name_of_refusal(byte_tensor("\xff")) == "safetensors-utf8");
  CHECK(name_of_refusal(byte_tensor("w"), {{"\xed\xa0\x80", ""}}) == "safetensors-utf8");
  CHECK(name_of_refusal(byte_tensor("w"), {{"key", "cut \xe2\x82"}}) == "safetensors-utf8");
  CHECK(name_of_refusal(tensor_of("w", Type::u8, {4}, kBytes)) == "safetensors-bytes");
  CHECK(name_of_refusal(tensor_of("w", Type::f32, {3}, kBytes)) == "safetensors-bytes");
  CHECK(name_of_refusal(tensor_of("w", Type::u8, {-1, -3}, kBytes)) == "safetensors-shape");
  CHECK(name_of_refusal(tensor_of("w", Type::u8, Shape(33, 1), kBytes)) == "safetensors-shape");
  const std::int64_t large = std::int64_t{1} << 32;
  CHECK(name_of_refusal(tensor_of("w", Type::u8, {large, large, 3}, kBytes)) == "safetensors-shape");
  CHECK(name_of_refusal(byte_tensor("w"), {{"long", std::string(kMaxSafetensorsHeaderBytes, 'x')}}) ==
        "safetensors-limit");
}

TEST_CASE("Two tensors of one name are not written, and nothing reaches the sink") {
  const std::array twice{byte_tensor("w"), byte_tensor("w")};
  const auto refuse = [](std::span<const std::byte>) { FAIL("something was written"); };
  CHECK(error_of([&] { write_safetensors(twice, {}, refuse); }).name() == "safetensors-duplicate");
}

TEST_CASE("More tensors than are read are not written") {
  const std::vector<SafetensorsTensor> many(kMaxSafetensorsTensors + 1);
  CHECK(error_of([&] { safetensors_text(many, {}); }).name() == "safetensors-limit");
}

TEST_CASE("What the sink throws passes") {
  const std::array one{byte_tensor("w")};
  const auto full = [](std::span<const std::byte>) { throw Error(ErrorKind::output, "disk-full", "no room"); };
  CHECK(error_of([&] { write_safetensors(one, {}, full); }).name() == "disk-full");
}

TEST_CASE("A tensor is read from a file in pieces, and no further than it goes") {
  const TempFolder folder;
  InputFile file(folder.file("t.safetensors", kByHand));
  const SafetensorsHeader header = read_safetensors_header(file);
  const SafetensorsEntry& w = *header.find("w");
  std::string whole(16, '\0');
  for (std::size_t at = 0; at < whole.size(); at += 4)
    read_safetensors_tensor(file, w, at, std::as_writable_bytes(std::span(whole).subspan(at, 4)));
  CHECK(whole == memory_of(kWeights));
  const auto out = std::as_writable_bytes(std::span(whole));
  CHECK(error_of([&] { read_safetensors_tensor(file, w, 1, out); }).name() == "safetensors-range");
  CHECK(error_of([&] { read_safetensors_tensor(file, w, UINT64_MAX, out); }).name() == "safetensors-range");
  std::filesystem::resize_file(file.path(), kByHand.size() - 6);
  const Error error = error_of([&] { read_safetensors_tensor(file, w, 0, out); });
  CHECK(error.name() == "safetensors-short");
  CHECK(error.kind() == ErrorKind::data);
}

TEST_CASE("A gigabyte is written and read in pieces, with little memory") {
  constexpr std::size_t kSize = std::size_t{1} << 30, kLittle = std::size_t{64} << 10;
  void* zeros = ::mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(zeros != MAP_FAILED);
  const std::array tensors{
      SafetensorsTensor{"w", Type::f32, {1 << 14, 1 << 14}, {static_cast<std::byte*>(zeros), kSize}}};
  const TempFolder folder;
  const std::string path = folder.path() + "/t.safetensors";
  std::uint64_t written = 0;
  std::size_t largest = 0;
  // Of the file, only the header takes room on the disk.
  const auto sink = [&](std::span<const std::byte> piece) {
    if (written == 0)
      std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(piece.data()), std::ssize(piece));
    written += piece.size();
    largest = std::max(largest, piece.size());
  };
  CHECK(allocations_of([&] { write_safetensors(tensors, {}, sink); }).bytes < kLittle);
  CHECK(largest == kSafetensorsPieceBytes);
  CHECK(written == safetensors_file_bytes(tensors, {}));
  ::munmap(zeros, kSize);
  std::filesystem::resize_file(path, written);

  std::vector<std::byte> piece(kSafetensorsPieceBytes, std::byte{1});
  std::uint64_t read = 0;
  const auto read_all = [&] {
    InputFile file(path);
    const SafetensorsHeader header = read_safetensors_header(file);
    for (const SafetensorsEntry& tensor : header.tensors)
      for (; read < tensor.bytes; read += piece.size()) read_safetensors_tensor(file, tensor, read, piece);
  };
  CHECK(allocations_of(read_all).bytes < kLittle);
  CHECK(read == kSize);
  CHECK(std::count(piece.begin(), piece.end(), std::byte{0}) == std::ssize(piece));
}
