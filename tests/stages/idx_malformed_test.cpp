// Files that are not what they say: each is refused by name before a single row flows.
#include "catch.hpp"
#include "error_of.hpp"
#include "idx_fixture.hpp"

#include <millrace/testing/stage_tester.hpp>

#include <sys/resource.h>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Malformed {
  std::string what, name, says;
  Bytes content;
};

Bytes good() { return idx_of_bytes({3, 2}, {1, 2, 3, 4, 5, 6}); }

// A member of gzip without its last 8 bytes: checksum and length follow.
Bytes gzip_with_trailer(const Bytes& data, std::size_t at, char flip) {
  Bytes packed = gzip(data);
  packed[packed.size() - 8 + at] = static_cast<char>(packed[packed.size() - 8 + at] ^ flip);
  return packed;
}

void add_headers(std::vector<Malformed>& all) {
  for (const std::size_t size : {0, 1, 2, 3})
    all.push_back({"a file of " + std::to_string(size) + " bytes", "idx-short", "at byte 0", good().substr(0, size)});
  for (const std::size_t size : {4, 6, 8, 11})
    all.push_back({"a header cut at " + std::to_string(size), "idx-short", "at byte " + std::to_string(size),
                   good().substr(0, size)});
  for (const int code : {0x00, 0x01, 0x07, 0x0A, 0x0F, 0x10, 0x88, 0xFF})
    all.push_back(
        {"element type " + std::to_string(code), "idx-type", "at byte 2", idx_header(code, {3, 2}) + Bytes(48, '\1')});
  all.push_back({"no dimension", "idx-dims", "at byte 3", idx_header(0x08, {}) + "x"});
  for (const std::size_t rank : {9, 16, 255})
    all.push_back({std::to_string(rank) + " dimensions", "idx-dims", "at byte 3",
                   idx_header(0x08, std::vector<std::uint32_t>(rank, 1)) + "x"});
  all.push_back({"no rows", "idx-dims", "dimension 1 is 0", idx_header(0x08, {0})});
  all.push_back({"no rows of two", "idx-dims", "at byte 4", idx_header(0x08, {0, 2})});
  all.push_back({"rows of nothing", "idx-dims", "at byte 8", idx_header(0x08, {2, 0})});
  all.push_back({"an inner extent of 0", "idx-dims", "dimension 3 is 0", idx_header(0x08, {2, 3, 0, 4})});
}

void add_strangers(std::vector<Malformed>& all) {
  const auto stranger = [&](const char* what, const Bytes& start, const char* guess) {
    all.push_back({what, "idx-magic", guess, start + Bytes(100, '\5')});
  };
  stranger("a zip archive", "PK\3\4", "zip");
  stranger("a PNG picture", "\x89PNG", "PNG");
  stranger("a NumPy file", "\x93NUMPY", "NumPy");
  stranger("a web page", "<!DOCTYPE html>", "web page");
  stranger("a zstd file", "\x28\xb5\x2f\xfd", "zstd");
  stranger("an xz file",
           "\xfd"
           "7zXZ",
           "xz");
  stranger("text", "label,pixel0,pixel1\n", "6c 61 62 65");
  stranger("a little-endian header", Bytes("\1\x08\0\0", 4), "01 08 00 00");
  stranger("one wrong byte", Bytes("\0\1\x08\1", 4), "00 01 08 01");
  all.push_back({"gzip within gzip", "idx-magic", "compressed twice", gzip(gzip(good()))});
}

void add_sizes(std::vector<Malformed>& all) {
  all.push_back({"one byte short", "idx-size", "at byte 17", good().substr(0, 17)});
  all.push_back({"no data at all", "idx-size", "at byte 12", good().substr(0, 12)});
  all.push_back({"one byte long", "idx-size", "1 more byte than", good() + "x"});
  all.push_back({"many bytes long", "idx-size", "at byte 18: 5000 more bytes than", good() + Bytes(5000, '\0')});
  all.push_back({"half an i32", "idx-size", "at byte 14", idx_header(0x0C, {2}) + Bytes(6, '\0')});
  all.push_back({"rows as int32 would be negative", "idx-size", "declares 2147483656 bytes",
                 idx_header(0x08, {0x80000000U}) + "x"});
  all.push_back({"most rows", "idx-size", "declares 4294967303 bytes", idx_header(0x08, {0xffffffffU}) + "x"});
  all.push_back({"a product that wraps to 0", "idx-limit", "2147483648 x 2147483648 x 4",
                 idx_header(0x08, {0x80000000U, 0x80000000U, 4}) + "x"});
  all.push_back({"65536 x 65536", "idx-size", "declares 4294967312 bytes", idx_header(0x08, {65536, 65536, 1}) + "x"});
  all.push_back({"65536 x 65536 doubles", "idx-limit", "the limit is 8589934592, the default",
                 idx_header(0x0E, {65536, 65536}) + "x"});
  all.push_back({"2^96", "idx-limit", "64 bits", idx_header(0x08, {0xffffffffU, 0xffffffffU, 0xffffffffU}) + "x"});
  all.push_back({"2^61 doubles", "idx-limit", "64 bits", idx_header(0x0E, {0x80000000U, 0x40000000U}) + "x"});
  all.push_back({"3 TB", "idx-limit", "the limit is", idx_header(0x08, {3000000, 1000, 1000}) + "x"});
}

void add_gzip(std::vector<Malformed>& all) {
  const Bytes packed = gzip(good());
  for (const std::size_t size :
       {std::size_t{2}, std::size_t{9}, std::size_t{10}, packed.size() / 2, packed.size() - 8, packed.size() - 1})
    all.push_back({"gzip cut at " + std::to_string(size), "gzip-truncated", "byte " + std::to_string(size),
                   packed.substr(0, size)});
  for (const std::size_t at : {0, 3})
    all.push_back({"a wrong checksum", "gzip-corrupt", "incorrect data check", gzip_with_trailer(good(), at, 1)});
  for (const std::size_t at : {4, 7})
    all.push_back({"a wrong length", "gzip-corrupt", "incorrect length check", gzip_with_trailer(good(), at, 1)});
  Bytes method = packed, reserved = packed, block = packed;
  method[2] = 7;
  reserved[3] = '\xe0';
  block[10] = '\7';
  all.push_back({"an unknown method", "gzip-corrupt", "unknown compression method", method});
  all.push_back({"reserved flags", "gzip-corrupt", "flags", reserved});
  all.push_back({"an invalid block", "gzip-corrupt", "invalid block type", block});
  all.push_back(
      {"junk behind gzip", "gzip-trailing", "at compressed byte " + std::to_string(packed.size()), packed + "junk"});
  all.push_back({"a second member that is too much", "gzip-limit", "at byte 18", packed + packed});
  all.push_back({"a second member that is a bomb", "gzip-limit", "at byte 18",
                 packed + gzip(Bytes(std::size_t{64} << 20, '\0'))});
  all.push_back({"junk behind zeros", "gzip-trailing", "at compressed byte", packed + Bytes(100, '\0') + "x"});
  all.push_back({"short gzip data", "idx-size", "at byte 17", gzip(good().substr(0, 17))});
  all.push_back({"a short header in gzip", "idx-short", "at byte 7", gzip(good().substr(0, 7))});
  all.push_back({"nothing in gzip", "idx-short", "at byte 0", gzip("")});
  all.push_back({"one byte too many in gzip", "gzip-limit", "at byte 18", gzip(good() + "x")});
  all.push_back({"a bomb", "gzip-limit", "at byte 18", gzip(good() + Bytes(std::size_t{64} << 20, '\0'))});
  all.push_back(
      {"a declaration that gzip cannot hold", "idx-size", "cannot hold", gzip(idx_header(0x08, {1000000, 1000}))});
  all.push_back({"a wrong element type in gzip", "idx-type", "0x07", gzip(idx_header(0x07, {3}) + "abc")});
}

std::vector<Malformed> malformed() {
  std::vector<Malformed> all;
  add_headers(all);
  add_strangers(all);
  add_sizes(all);
  add_gzip(all);
  return all;
}

Error error_for(const std::string& path) {
  return error_of([&] { StageTester("idx_loader", {{"images", path}}).pull(); });
}

}  // namespace

TEST_CASE("Each malformed file is refused by name, with its path and the place") {
  const TempFolder folder;
  const std::vector<Malformed> all = malformed();
  REQUIRE(all.size() >= 60);
  for (const Malformed& bad : all) {
    CAPTURE(bad.what);
    const std::string path = folder.file("bad", bad.content);
    const Error error = error_for(path);
    CHECK(error.name() == bad.name);
    CHECK(error.kind() == ErrorKind::data);
    CHECK_THAT(error.message(), ContainsSubstring(path) && ContainsSubstring(bad.says));
  }
}

TEST_CASE("Every prefix of a file is refused, raw and gzip") {
  const TempFolder folder;
  const Bytes whole = GENERATE(good(), gzip(good()));
  CHECK_NOTHROW(StageTester("idx_loader", {{"images", folder.file("whole", whole)}}).pull());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const Error error = error_for(folder.file("cut", whole.substr(0, size)));
    CHECK(error.kind() == ErrorKind::data);
    const bool known = error.name() == "idx-short" || error.name() == "idx-size" || error.name() == "gzip-truncated" ||
                       error.name() == "idx-magic";  // one byte of gzip is no gzip
    CHECK(known);
  }
}

TEST_CASE("Malformed labels are refused like malformed images") {
  const TempFolder folder;
  const std::string images = folder.file("images", good());
  const auto refuse = [&](const Bytes& labels) {
    return error_of([&] {
             StageTester("idx_loader", {{"images", images}, {"labels", folder.file("labels", labels)}}).pull();
           })
        .name();
  };
  CHECK(refuse(idx_of_bytes({3}, {1, 2})) == "idx-size");
  CHECK(refuse(idx_of_bytes({2}, {1, 2})) == "rows-mismatch");
  CHECK(refuse(gzip(idx_of_bytes({3}, {1, 2, 3})).substr(0, 20)) == "gzip-truncated");
  CHECK(refuse("") == "idx-short");
}

TEST_CASE("The limit holds at its value and one below") {
  const TempFolder folder;
  const std::string path = folder.file("good", good());
  CHECK_NOTHROW(StageTester("idx_loader", {{"images", path}, {"max_bytes", 6}}).pull());
  const Error error = error_of([&] { StageTester("idx_loader", {{"images", path}, {"max_bytes", 5}}).pull(); });
  CHECK(error.name() == "idx-limit");
  CHECK_THAT(error.help(), ContainsSubstring("max_bytes"));
}

TEST_CASE("A bomb is stopped before it fills the memory") {
  const TempFolder folder;
  const Bytes bomb = gzip(good() + Bytes(std::size_t{256} << 20, '\0'));
  REQUIRE(bomb.size() < (std::size_t{1} << 20));
  const std::string path = folder.file("bomb.gz", bomb);
  rusage before{}, after{};
  REQUIRE(getrusage(RUSAGE_SELF, &before) == 0);
  CHECK(error_for(path).name() == "gzip-limit");
  REQUIRE(getrusage(RUSAGE_SELF, &after) == 0);
  CHECK(after.ru_maxrss - before.ru_maxrss < 32 * 1024);
}

TEST_CASE("What is not a file, or is not there, is refused") {
  const TempFolder folder;
  CHECK(error_for(folder.path()).name() == "not-a-file");
  CHECK(error_for(folder.path() + "/none").name() == "file-missing");
  CHECK(error_for("/dev/zero").name() == "not-a-file");
}
