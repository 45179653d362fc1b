// NumPy files: what is written is read, and what is no such file is refused by name, with the byte.
#include "catch.hpp"
#include "error_of.hpp"
#include "temp_folder.hpp"

#include <millrace/files/npy.hpp>

#include <array>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 30;

std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFFU);
  return out;
}

/// A file with this dictionary, as it is.
std::string npy(const std::string& dictionary, const std::string& values = "", int version = 1) {
  return "\x93NUMPY" + little(static_cast<std::uint64_t>(version), 2) +
         little(dictionary.size(), version == 1 ? 2 : 4) + dictionary + values;
}
std::string dictionary(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}
std::string good() { return npy(dictionary("'|u1'", "(2, 3)"), "abcdef"); }

NpyHeader header_of(const std::string& path) {
  ByteReader reader(path);
  return read_npy_header(reader, kMost);
}

struct Hostile {
  std::string what, name, says, content;
};

void add_headers(std::vector<Hostile>& all) {
  for (const std::size_t size : {0, 1, 5})
    all.push_back({"cut in the magic", "npy-short", "at byte " + std::to_string(size), good().substr(0, size)});
  all.push_back({"cut in the version", "npy-short", "at byte 7", good().substr(0, 7)});
  all.push_back({"cut in the length", "npy-short", "at byte 9", good().substr(0, 9)});
  all.push_back({"cut in the dictionary", "npy-short", "at byte 40", good().substr(0, 40)});
  all.push_back({"another magic", "npy-magic", "at byte 0", "\x89PNG\r\n" + std::string(100, 'x')});
  all.push_back({"a zip of arrays", "npy-magic", "at byte 0", "PK\3\4" + std::string(100, 'x')});
  for (const int version : {0, 4, 255}) {
    std::string content = good();
    content[6] = static_cast<char>(version);
    all.push_back({"version " + std::to_string(version), "npy-version", "at byte 6", content});
  }
  std::string minor = good();
  minor[7] = 1;
  all.push_back({"version 1.1", "npy-version", "1.1", minor});
  all.push_back({"a header of 4 GB", "npy-limit", "at byte 8",
                 std::string("\x93NUMPY\2\0", 8) + "\xff\xff\xff\xff" + std::string(200, ' ')});
  all.push_back(
      {"a header longer than the file", "npy-short", "the file ends", std::string("\x93NUMPY\1\0", 8) + "\xff\xff{}"});
}

void add_dictionaries(std::vector<Hostile>& all) {
  const auto add = [&](const char* what, const char* name, const char* says, const std::string& text) {
    all.push_back({what, name, says, npy(text, "abcdef")});
  };
  add("nothing", "npy-header", "at byte 10", "");
  add("an empty dictionary", "npy-header", "no `descr`", "{}");
  add("a list", "npy-header", "expected a dictionary", "['<f4']");
  add("no shape", "npy-header", "no `shape`", "{'descr': '|u1', 'fortran_order': False}");
  add("a key twice", "npy-header", "second time",
      "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (6,)}");
  add("another key", "npy-header", "`more`", "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'more': 1}");
  add("something behind", "npy-header", "follows", dictionary("'|u1'", "(6,)") + "x");
  add("code", "npy-header", "at byte 20",
      "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (6,)}");
  add("an open quote", "npy-header", "not closed", "{'descr': '|u1");
  add("an escape", "npy-header", "escape", dictionary("'\\x7cu1'", "(6,)"));
  add("an order that is none", "npy-header", "neither True", dictionary("'|u1'", "(6,)", "0"));
  add("Fortran's order", "npy-order", "column by column", dictionary("'|u1'", "(2, 3)", "True"));
  for (const char* type :
       {"'>f4'", "'<f2'", "'<c8'", "'|O'", "'<U5'", "'|S3'", "'|b1'", "'<u4'", "'<M8[ns]'", "'=f4'", "''", "'<'"})
    add(type, "npy-dtype", "at byte 20", dictionary(type, "(6,)"));
  add("a structure", "npy-dtype", "named fields", dictionary("[('a', '<f4')]", "(6,)"));
  for (const char* shape : {"6", "[6]", "(6)", "(-6,)", "(6, -1)", "(6.0,)", "(0x6,)", "(6L,)",
                            "(99999999999999999999,)", "(6 6)", "('6',)"})
    add(shape, "npy-shape", "at byte", dictionary("'|u1'", shape));
  std::string deep = "(";
  for (int i = 0; i < 33; ++i) deep += "1, ";
  add("33 dimensions", "npy-limit", "more than 32", dictionary("'|u1'", deep + ")"));
}

void add_sizes(std::vector<Hostile>& all) {
  const auto add = [&](const char* what, const char* name, const char* says, const std::string& shape,
                       const std::string& values) {
    all.push_back({what, name, says, npy(dictionary("'<f4'", shape), values)});
  };
  add("a byte short", "npy-size", "the file ends", "(2,)", "1234567");
  add("a byte long", "npy-size", "1 more byte than", "(2,)", "123456789");
  add("no values", "npy-size", "the file ends", "(2,)", "");
  add("more than the limit", "npy-limit", "the limit is", "(3000000, 1000)", "x");
  add("a product that wraps", "npy-limit", "64 bits", "(4294967296, 4294967296)", "x");
  add("one that wraps to 0", "npy-limit", "64 bits", "(9223372036854775807, 4)", "x");
}

}  // namespace

TEST_CASE("what is written is read: every type, and shapes of every rank") {
  const TempFolder folder;
  for (const DType dtype : {DType::u8, DType::i8, DType::i16, DType::i32, DType::f32, DType::f64})
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{}, std::vector<std::int64_t>{3}, std::vector<std::int64_t>{2, 3, 4},
          std::vector<std::int64_t>{0, 5}}) {
      std::uint64_t bytes = size_of(dtype);
      for (const std::int64_t extent : shape) bytes *= static_cast<std::uint64_t>(extent);
      const std::string text = npy_header_text(npy_type(dtype), shape);
      CHECK(text.size() % 64 == 0);
      const NpyHeader header = header_of(folder.file("a.npy", text + std::string(bytes, 'x')));
      CHECK(npy_dtype(header.type) == dtype);
      CHECK(header.shape == shape);
      CHECK(header.header_bytes == text.size());
      CHECK(header.payload_bytes == bytes);
    }
  CHECK(!npy_dtype(NpyType::i8));
}

TEST_CASE("headers as NumPy of any age writes them are read") {
  const TempFolder folder;
  const auto shape_of = [&](const std::string& content) { return header_of(folder.file("a.npy", content)).shape; };
  const std::vector<std::int64_t> wanted{2, 3};
  CHECK(shape_of(good()) == wanted);
  CHECK(shape_of(npy(dictionary("'|u1'", "(2, 3)"), "abcdef", 2)) == wanted);
  CHECK(shape_of(npy(dictionary("'|u1'", "(2, 3)"), "abcdef", 3)) == wanted);
  CHECK(shape_of(npy("{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"|i1\"}", "abcdef")) == wanted);
  CHECK(shape_of(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (6,)}", "abcdef")) ==
        std::vector<std::int64_t>{6});
}

TEST_CASE("values come in pieces, and the end is checked") {
  const TempFolder folder;
  ByteReader reader(folder.file("a.npy", good()));
  const NpyHeader header = read_npy_header(reader, kMost);
  std::array<std::byte, 4> piece{};
  read_npy_values(reader, header, piece);
  CHECK(piece[3] == std::byte{'d'});
  CHECK(error_of([&] { require_npy_end(reader); }).name() == "npy-size");
  CHECK(error_of([&] { read_npy_values(reader, header, piece); }).name() == "npy-size");
}

TEST_CASE("files that are none are refused by name, with path and byte") {
  const TempFolder folder;
  std::vector<Hostile> all;
  add_headers(all);
  add_dictionaries(all);
  add_sizes(all);
  for (const Hostile& bad : all) {
    CAPTURE(bad.what);
    const std::string path = folder.file("bad.npy", bad.content);
    const Error error = error_of([&] { header_of(path); });
    CHECK(error.name() == bad.name);
    CHECK(error.kind() == ErrorKind::data);
    CHECK_THAT(error.message(), ContainsSubstring(path) && ContainsSubstring("at byte") && ContainsSubstring(bad.says));
    CHECK(!error.help().empty());
  }
}

TEST_CASE("a file that is cut anywhere is refused") {
  const TempFolder folder;
  for (std::size_t size = 0; size < good().size(); ++size) {
    CAPTURE(size);
    CHECK(error_of([&] { header_of(folder.file("cut.npy", good().substr(0, size))); }).kind() == ErrorKind::data);
  }
}
