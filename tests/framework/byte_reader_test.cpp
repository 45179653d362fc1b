// Pieces of any size read the same, raw and gzip; every truncation is refused, and no flipped bit changes what is read.
#include "catch.hpp"
#include "error_of.hpp"
#include "idx_fixture.hpp"

#include <millrace/byte_reader.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <span>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

Bytes read_all(const std::string& path, std::size_t piece = 1000) {
  ByteReader reader(path);
  Bytes out;
  while (!reader.at_end()) {
    Bytes part(piece, '\0');
    part.resize(reader.read(std::as_writable_bytes(std::span(part))));
    out += part;
  }
  REQUIRE(reader.position() == out.size());
  return out;
}

Bytes sample_data(std::size_t size) {
  Bytes data;
  for (std::size_t i = 0; i < size; ++i) data += static_cast<char>((i * i >> 3) & 0xff);
  return data;
}

std::string name_of_error(const std::string& path) {
  return error_of([&] { read_all(path); }).name();
}

}  // namespace

TEST_CASE("A raw file and a gzip file of the same bytes read the same") {
  const TempFolder folder;
  const auto size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{100000}, std::size_t{700000});
  const Bytes data = sample_data(size);
  CHECK(read_all(folder.file("raw", data)) == data);
  CHECK(read_all(folder.file("packed.gz", gzip(data))) == data);
}

TEST_CASE("Reading in pieces of any size gives the same bytes") {
  const TempFolder folder;
  const Bytes data = sample_data(5000);
  const auto piece = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{4999}, std::size_t{5000}, std::size_t{6000});
  CHECK(read_all(folder.file("packed.gz", gzip(data)), piece) == data);
}

TEST_CASE("Looking for the end does not lose a byte") {
  const TempFolder folder;
  ByteReader reader(folder.file("raw", "ab"));
  Bytes out(2, '\0');
  CHECK_FALSE(reader.at_end());
  CHECK_FALSE(reader.at_end());
  CHECK(reader.position() == 0);
  CHECK(reader.read(std::as_writable_bytes(std::span(out))) == 2);
  CHECK(out == "ab");
  CHECK(reader.at_end());
}

TEST_CASE("A reader knows its file") {
  const TempFolder folder;
  const std::string path = folder.file("packed", gzip("abc"));
  const ByteReader reader(path);
  CHECK(reader.is_gzip());
  CHECK(reader.file_bytes() == gzip("abc").size());
  CHECK(reader.path() == path);
  CHECK_FALSE(ByteReader(folder.file("raw", "abc")).is_gzip());
}

TEST_CASE("A file that is missing, or is no file, is refused by name") {
  const TempFolder folder;
  CHECK(name_of_error(folder.path() + "/nothing") == "file-missing");
  CHECK(name_of_error(folder.file("plain", "x") + "/below") == "file-missing");
  CHECK(name_of_error(folder.path()) == "not-a-file");
  CHECK(name_of_error("/dev/null") == "not-a-file");
  const std::string fifo = folder.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(name_of_error(fifo) == "not-a-file");
  CHECK(name_of_error("/proc/self/environ") == "not-a-file");
  CHECK(name_of_error(std::string("/etc/passwd\0x", 13)) == "file-missing");
}

TEST_CASE("Every prefix of a gzip file is refused") {
  const TempFolder folder;
  const Bytes packed = gzip(sample_data(300));
  for (std::size_t size = 2; size < packed.size(); ++size) {
    CAPTURE(size);
    CHECK(name_of_error(folder.file("cut.gz", packed.substr(0, size))) == "gzip-truncated");
  }
}

TEST_CASE("A truncated gzip file is reported with both offsets") {
  const TempFolder folder;
  const Bytes packed = gzip(sample_data(300));
  const Error error = error_of([&] { read_all(folder.file("cut.gz", packed.substr(0, packed.size() - 4))); });
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(), ContainsSubstring("byte " + std::to_string(packed.size() - 4)));
  CHECK_THAT(error.message(), ContainsSubstring("after 300 decompressed bytes"));
}

TEST_CASE("No changed bit of the compressed data, the checksum or the length changes what is read") {
  const TempFolder folder;
  const Bytes data = GENERATE(sample_data(300), Bytes(300, 'x') + "the end");  // stored as it is, and compressed
  const Bytes packed = gzip(data);
  int refused = 0;
  // Bytes 4 to 9 of the header (time, flags of the compressor, system) carry no content.
  for (std::size_t bit = 80; bit < 8 * packed.size(); ++bit) {
    CAPTURE(bit);
    Bytes bad = packed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const std::string path = folder.file("bad.gz", bad);
    std::string read, name;
    try {
      read = read_all(path);
    } catch (const Error& error) {
      name = error.name();
    }
    if (name.empty()) CHECK(read == data);  // a padding bit
    if (!name.empty()) CHECK_THAT(name, ContainsSubstring("gzip-"));
    refused += name.empty() ? 0 : 1;
  }
  CHECK(refused > static_cast<int>(8 * (packed.size() - 10)) - 16);
}

TEST_CASE("An unknown compression method is corrupt") {
  const TempFolder folder;
  Bytes bad = gzip("abc");
  bad[2] = 7;
  CHECK(name_of_error(folder.file("bad.gz", bad)) == "gzip-corrupt");
}

TEST_CASE("Several members of gzip are read as one text") {
  const TempFolder folder;
  const Bytes data = sample_data(300'000);
  Bytes packed;
  for (std::size_t at = 0; at < data.size(); at += 70'000) packed += gzip(data.substr(at, 70'000));
  const std::string path = folder.file("members.gz", packed);
  CHECK(read_all(path) == data);
  CHECK(read_all(path, 1) == data);
  CHECK(read_all(folder.file("empty.gz", gzip("") + gzip("abc") + gzip(""))) == "abc");
  CHECK(read_all(folder.file("padded.gz", gzip("abc") + Bytes(600'000, '\0') + gzip("def") + Bytes(3, '\0'))) ==
        "abcdef");
}

TEST_CASE("A later member of gzip is checked as the first is") {
  const TempFolder folder;
  const Bytes first = gzip("abc"), second = gzip("defghi");
  for (std::size_t size = 1; size < second.size(); ++size)
    CHECK(name_of_error(folder.file("cut.gz", first + second.substr(0, size))) == "gzip-truncated");
  Bytes wrong = second;
  wrong[wrong.size() - 8] = static_cast<char>(wrong[wrong.size() - 8] ^ 1);
  CHECK(name_of_error(folder.file("wrong.gz", first + wrong)) == "gzip-corrupt");
  CHECK(name_of_error(folder.file("like.gz", first + "\x1f\x8b is how a member begins")) == "gzip-corrupt");
  const Error cut = error_of([&] { read_all(folder.file("cut.gz", first + second.substr(0, second.size() - 1))); });
  CHECK_THAT(cut.message(), ContainsSubstring("byte " + std::to_string(first.size() + second.size() - 1)));
  CHECK_THAT(cut.message(), ContainsSubstring("9 decompressed bytes"));
}

TEST_CASE("What follows the gzip data must be zeros or a further member") {
  const TempFolder folder;
  CHECK(read_all(folder.file("padded.gz", gzip("abc") + Bytes(1000, '\0'))) == "abc");
  CHECK(read_all(folder.file("padded2.gz", gzip("abc") + Bytes(600000, '\0'))) == "abc");
  CHECK(name_of_error(folder.file("junk.gz", gzip("abc") + "x")) == "gzip-trailing");
  CHECK(name_of_error(folder.file("late.gz", gzip("abc") + Bytes(600000, '\0') + "x")) == "gzip-trailing");
  const Error error = error_of([&] { read_all(folder.file("two.gz", gzip("abc") + "def")); });
  CHECK(error.name() == "gzip-trailing");
  CHECK_THAT(error.message(), ContainsSubstring("byte " + std::to_string(gzip("abc").size())));
}

TEST_CASE("A file that grows while it is read is reported") {
  const TempFolder folder;
  const std::string path = folder.file("raw", "abc");
  const ByteReader reader(path);
  CHECK_NOTHROW(reader.check_unchanged());
  std::ofstream(path, std::ios::app) << "d";
  CHECK(error_of([&] { reader.check_unchanged(); }).name() == "file-changed");
}
