// Safetensors files that nobody should believe: each is refused by its name and the byte at which it is wrong, and takes no memory for it.
#include "allocation_count.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "safetensors_bytes.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/files/safetensors.hpp>
#include <millrace/input_file.hpp>

#include <filesystem>
#include <string_view>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t kFront = 8;

/// A header with a `^` in front of what is wrong, the data behind it, and the refusal's name.
struct Hostile {
  const char* name;
  std::string header;
  std::size_t data_bytes;
};

/// `{"t":{...}}`
std::string one(const std::string& fields) { return "{\"t\":{" + fields + "}}"; }
/// A U8 tensor.
std::string bytes_at(const std::string& name, const std::string& shape, const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":"U8","shape":)" + shape + ",\"data_offsets\":" + offsets + "}";
}
std::string shaped(const std::string& shape) {
  return one(R"("dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,4])");
}
std::string typed(const std::string& dtype) {
  return one("\"dtype\":" + dtype + R"(,"shape":[1],"data_offsets":[0,4])");
}
std::string ones(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "1,";
  return text;
}
std::string placed(const std::string& offsets) { return "{" + bytes_at("t", "[4]", offsets) + "}"; }
std::string two(const std::string& first, const std::string& second) {
  return "{" + bytes_at("a", "[4]", first) + "," + bytes_at("b", "[4]", second) + "}";
}
std::string named(const std::string& name) { return "{" + bytes_at(name, "[0]", "[0,0]") + "}"; }
std::string with_metadata(const std::string& value) { return "{\"__metadata__\":" + value + "}"; }

std::vector<Hostile> hostile_headers() {
  const std::string rest = R"("shape":[],"data_offsets":[0,1])";
  return {
      // no JSON object
      {"safetensors-header", "^", 0},
      {"safetensors-header", "^ {}", 0},
      {"safetensors-header", "^[]", 0},
      {"safetensors-header", "^null", 0},
      {"safetensors-header", std::string("^\0\0", 3), 0},
      {"safetensors-header", "{^", 0},
      {"safetensors-header", "{}^{}", 0},
      {"safetensors-header", "{} ^x", 0},
      {"safetensors-header", std::string("{}^\0", 4), 0},
      {"safetensors-header", "{^t}", 0},
      {"safetensors-header", "{^'t':{}}", 0},
      {"safetensors-header", "{\"t\"^}", 0},
      {"safetensors-header", "{\"t\":^[]}", 0},
      {"safetensors-header", "{\"t\":^[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", 0},
      {"safetensors-header", "{" + bytes_at("a", "[0]", "[0,0]") + ",^}", 0},
      {"safetensors-header", "{" + bytes_at("a", "[0]", "[0,0]") + " ^\"b\":{}}", 0},
      {"safetensors-header", "{\"cut^", 0},
      {"safetensors-header", "{\"cut^\\", 0},
      {"safetensors-header", "{\"^\\x\":{}}", 0},
      {"safetensors-header", "{\"^\\u00g0\":{}}", 0},
      {"safetensors-header", "{\"^\\u00", 0},
      {"safetensors-header", "{\"^\\u+123\":{}}", 0},
      {"safetensors-header", "{\"a^\n\":{}}", 0},
      {"safetensors-header", std::string("{\"a^\0\":{}}", 10), 0},
      // not UTF-8
      {"safetensors-utf8", "{\"a^\xff\":{}}", 0},
      {"safetensors-utf8", "{\"^\xc0\x80\":{}}", 0},
      {"safetensors-utf8", "{\"^\xed\xa0\x80\":{}}", 0},
      {"safetensors-utf8", "{\"^\xe2\x82", 0},
      {"safetensors-utf8", "{\"^\\ud83d\":{}}", 0},
      {"safetensors-utf8", "{\"^\\ude00\":{}}", 0},
      {"safetensors-utf8", "{\"^\\ud83d\\u0041\":{}}", 0},
      {"safetensors-utf8", with_metadata("{\"a\":\"^\xf5\"}"), 0},
      // names
      {"safetensors-duplicate", "{" + bytes_at("a", "[0]", "[0,0]") + ",^" + bytes_at("a", "[0]", "[0,0]") + "}", 0},
      {"safetensors-duplicate", "{" + bytes_at("a", "[0]", "[0,0]") + ",^" + bytes_at("\\u0061", "[0]", "[0,0]") + "}",
       0},
      {"safetensors-duplicate", "{\"__metadata__\":{},^\"__metadata__\":{}}", 0},
      {"safetensors-duplicate", with_metadata("{\"a\":\"1\",^\"a\":\"1\"}"), 0},
      {"safetensors-duplicate", one(R"("dtype":"U8",^"dtype":"U8",)" + rest), 1},
      {"safetensors-duplicate", one(R"("shape":[],^"shape":[],"dtype":"U8","data_offsets":[0,1])"), 1},
      {"safetensors-duplicate", one(R"("data_offsets":[0,1],"dtype":"U8","shape":[],^"data_offsets":[0,1])"), 1},
      {"safetensors-name", "{^" + named("a\\u0000b").substr(1), 0},
      {"safetensors-name", "{^" + named(std::string(257, 'n')).substr(1), 0},
      // not the header of a safetensors file
      {"safetensors-header", "{^\"t\":{}}", 0},
      {"safetensors-header", "{^\"t\":{\"dtype\":\"U8\",\"shape\":[]}}", 0},
      {"safetensors-header", "{^\"t\":{" + rest + "}}", 1},
      {"safetensors-header", one(R"("dtype":"U8",^"stride":[],)" + rest), 1},
      {"safetensors-header", one(R"("dtype":^8,)" + rest), 1},
      {"safetensors-header", with_metadata("^null"), 0},
      {"safetensors-header", with_metadata("{\"a\":^1}"), 0},
      {"safetensors-header", with_metadata("{\"a\":^{}}"), 0},
      {"safetensors-header", with_metadata("{\"a\":^true}"), 0},
      // types
      {"safetensors-dtype", typed("^\"F33\""), 4},
      {"safetensors-dtype", typed("^\"f32\""), 4},
      {"safetensors-dtype", typed("^\"F8_E4M3\""), 4},
      {"safetensors-dtype", typed("^\"F4\""), 4},
      {"safetensors-dtype", typed("^\"\""), 4},
      {"safetensors-dtype", typed("^\"" + std::string(3000, 'F') + "\""), 4},
      // shapes
      {"safetensors-shape", shaped("[^-1]"), 4},
      {"safetensors-shape", shaped("[1,^1.0]"), 4},
      {"safetensors-shape", shaped("[^1e0]"), 4},
      {"safetensors-shape", shaped("[^\"1\"]"), 4},
      {"safetensors-shape", shaped("[^null]"), 4},
      {"safetensors-shape", shaped("[1,^]"), 4},
      {"safetensors-shape", shaped("[^9223372036854775808]"), 4},
      {"safetensors-shape", shaped("[^18446744073709551617]"), 4},
      {"safetensors-shape", shaped("[^99999999999999999999999999999999999999]"), 4},
      {"safetensors-shape", shaped("^[9223372036854775807]"), 4},
      {"safetensors-shape", shaped("^[4294967296,4294967296]"), 0},
      {"safetensors-shape", shaped("^[4194305,4194305,211106198978564]"), 4},  // wraps to 4
      {"safetensors-shape", shaped("^[4611686018427387905]"), 4},              // times 4 wraps to 4
      {"safetensors-shape", shaped("^[0,4294967296,4294967296]"), 0},
      {"safetensors-shape", shaped("[" + ones(32) + "^1]"), 4},
      {"safetensors-header", shaped("[^01]"), 4},
      {"safetensors-header", shaped("^1"), 4},
      {"safetensors-header", shaped("[1 ^1]"), 4},
      {"safetensors-header", shaped("[1^}"), 4},
      // places of bytes
      {"safetensors-offsets", placed("[^-4,0]"), 4},
      {"safetensors-offsets", placed("[0,^4.0]"), 4},
      {"safetensors-offsets", placed("[0,^18446744073709551616]"), 4},
      {"safetensors-offsets", placed("^[4,0]"), 4},
      {"safetensors-offsets", placed("^[0,3]"), 4},
      {"safetensors-offsets", placed("^[0,5]"), 5},
      {"safetensors-offsets", placed("^[4,8]"), 8},
      {"safetensors-offsets", placed("^[9223372036854775803,9223372036854775807]"), 4},
      {"safetensors-offsets", two("[0,4]", "^[0,4]"), 4},
      {"safetensors-offsets", two("[0,4]", "^[3,7]"), 7},
      {"safetensors-offsets", two("[0,4]", "^[5,9]"), 9},
      {"safetensors-offsets", two("^[8,12]", "[0,4]"), 12},
      {"safetensors-offsets", "{" + bytes_at("a", "[8]", "[0,8]") + "," + bytes_at("b", "[0]", "^[4,4]") + "}", 8},
      {"safetensors-offsets", "{" + bytes_at("a", "[0]", "^[4,4]") + "}", 0},
      {"safetensors-offsets", placed("[^]"), 4},
      {"safetensors-header", placed("[0^]"), 4},
      {"safetensors-header", placed("[0,4^,4]"), 4},
  };
}

/// What reading a file says, of bytes in memory and of a file on disk alike.
Error refusal_of(const TempFolder& folder, const std::string& file) {
  const Error error = error_of([&] { header_of(file); });
  InputFile on_disk(folder.file("t.safetensors", file));
  const Error same = error_of([&] { read_safetensors_header(on_disk); });
  CHECK(same.name() == error.name());
  const auto behind_path = [](const std::string& message) { return message.substr(message.find(": at byte")); };
  CHECK(behind_path(same.message()) == behind_path(error.message()));
  CHECK_THAT(same.message(), Catch::Matchers::StartsWith(on_disk.path()));
  return error;
}

void check_refusal(const Error& error, std::string_view name, std::uint64_t offset) {
  CHECK(error.name() == name);
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(), ContainsSubstring(": at byte " + std::to_string(offset) + ": "));
  CHECK(error.message().size() < 600);
}

const std::string kGood = safetensors_of(two("[0,4]", "[4,8]"), "abcdefgh");

}  // namespace

TEST_CASE("A header that is wrong is refused by name and byte") {
  const TempFolder folder;
  for (const Hostile& hostile : hostile_headers()) {
    CAPTURE(hostile.header);
    std::string header = hostile.header;
    const std::size_t wrong = header.find('^');
    REQUIRE(wrong != std::string::npos);
    header.erase(wrong, 1);
    const Error error = refusal_of(folder, safetensors_of(header, std::string(hostile.data_bytes, 'x')));
    check_refusal(error, hostile.name, kFront + wrong);
  }
}

TEST_CASE("A length that the file does not bear out is refused") {
  const TempFolder folder;
  for (std::size_t size = 0; size < kFront; ++size)
    check_refusal(refusal_of(folder, std::string(size, '\1')), "safetensors-short", size);
  check_refusal(refusal_of(folder, little_endian(3) + "{}"), "safetensors-short", 0);
  check_refusal(refusal_of(folder, little_endian(100'000'000) + "{}"), "safetensors-short", 0);
  check_refusal(refusal_of(folder, little_endian(100'000'001) + "{}"), "safetensors-limit", 0);
  check_refusal(refusal_of(folder, little_endian(UINT64_MAX) + "{}"), "safetensors-limit", 0);
  check_refusal(refusal_of(folder, little_endian(UINT64_MAX - 7) + "{}"), "safetensors-limit", 0);
  check_refusal(refusal_of(folder, "PK\3\4 what torch.save writes"), "safetensors-limit", 0);
}

TEST_CASE("Data that end too early or too late are refused") {
  const TempFolder folder;
  check_refusal(refusal_of(folder, kGood.substr(0, kGood.size() - 1)), "safetensors-short", kGood.size() - 1);
  check_refusal(refusal_of(folder, kGood + "x"), "safetensors-trailing", kGood.size());
  const std::string beyond = "{" + bytes_at("t", "[9223372036854775807]", "[0,9223372036854775807]") + "}";
  check_refusal(refusal_of(folder, safetensors_of(beyond, "x")), "safetensors-short", kFront + beyond.size() + 1);
  check_refusal(refusal_of(folder, safetensors_of("{}", "x")), "safetensors-trailing", kFront + 2);
}

TEST_CASE("Every prefix of a file is refused") {
  for (std::size_t size = 0; size < kGood.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of([&] { header_of(kGood.substr(0, size)); }).kind() == ErrorKind::data);
  }
}

TEST_CASE("With any bit of length and header changed, a file is refused or its tensors still cover the data") {
  int refused = 0;
  const std::size_t data_begin = kGood.size() - 8;
  for (std::size_t bit = 0; bit < 8 * data_begin; ++bit) {
    CAPTURE(bit);
    std::string file = kGood;
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << (bit % 8)));
    try {
      std::uint64_t end = data_begin;
      for (const SafetensorsEntry& tensor : header_of(file).tensors) {
        CHECK(tensor.offset == end);
        end += tensor.bytes;
      }
      CHECK(end == file.size());
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      ++refused;
    }
  }
  CHECK(refused > 700);
}

TEST_CASE("What a header claims is not allocated") {
  const TempFolder folder;
  const std::string claims = "{" + bytes_at("t", "[9223372036854775807]", "[0,9223372036854775807]") + "}";
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += bytes_at(std::to_string(i), "[1000000000000]", "[0,1000000000000]") + ",";
  many.back() = '}';
  const std::string long_header = little_endian(99'999'999) + "{}";
  for (const std::string& file : {safetensors_of(claims, "x"), safetensors_of(many, "x"), long_header}) {
    InputFile on_disk(folder.file("t.safetensors", file));
    const auto taken = allocations_of([&] { error_of([&] { read_safetensors_header(on_disk); }); });
    CHECK(taken.bytes < 8 * file.size() + 16384);
  }
}

TEST_CASE("More tensors or texts than a file may have are refused where the first of them stands") {
  std::string tensors = "{", texts = "{\"__metadata__\":{";
  std::size_t last_tensor = 0, last_text = 0;
  for (std::size_t i = 0; i <= kMaxSafetensorsTensors; ++i) {
    last_tensor = tensors.size();
    tensors += bytes_at(std::to_string(i), "[0]", "[0,0]") + ",";
    last_text = texts.size();
    texts += "\"" + std::to_string(i) + "\":\"\",";
  }
  tensors.back() = '}';
  texts.back() = '}';
  texts += "}";
  check_refusal(error_of([&] { header_of(safetensors_of(tensors, "")); }), "safetensors-limit", kFront + last_tensor);
  check_refusal(error_of([&] { header_of(safetensors_of(texts, "")); }), "safetensors-limit", kFront + last_text);
  std::string most = tensors.substr(0, last_tensor - 1) + "}";
  CHECK(header_of(safetensors_of(most, "")).tensors.size() == kMaxSafetensorsTensors);
}

TEST_CASE("A file that is none is refused before room is made for its header") {
  const TempFolder folder;
  const std::string path = folder.file("t.safetensors", little_endian(50'000'000));
  std::filesystem::resize_file(path, kFront + 50'000'000);
  InputFile on_disk(path);
  Error error(ErrorKind::run, "", "");
  CHECK(allocations_of([&] { error = error_of([&] { read_safetensors_header(on_disk); }); }).bytes < 16384);
  check_refusal(error, "safetensors-header", kFront);
}
