// Protocol buffers byte by byte, from the encoding's own description.
#include "catch.hpp"

#include <millrace/files/proto_writer.hpp>

#include <limits>
#include <string>

using namespace millrace;
using namespace std::string_literals;

TEST_CASE("A number is its field and then groups of seven bits, the lowest first") {
  ProtoWriter writer;
  writer.number(1, 0);
  writer.number(1, 127);
  writer.number(1, 128);
  writer.number(2, 300);
  CHECK(writer.bytes() == "\x08\x00\x08\x7f\x08\x80\x01\x10\xac\x02"s);
}

TEST_CASE("A negative number takes ten bytes, a field above 15 two") {
  ProtoWriter writer;
  writer.number(20, -1);
  CHECK(writer.bytes() == "\xa0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
}

TEST_CASE("Texts and messages stand behind their length") {
  ProtoWriter inner, outer;
  inner.number(1, 5);
  outer.text(2, "testing");
  outer.message(3, inner);
  outer.text(4, "");
  CHECK(outer.bytes() == "\x12\x07testing\x1a\x02\x08\x05\x22\x00"s);
}

TEST_CASE("A length above 127 takes two bytes") {
  ProtoWriter writer;
  writer.text(1, std::string(200, 'a'));
  CHECK(writer.bytes() == "\x0a\xc8\x01"s + std::string(200, 'a'));
}

TEST_CASE("A real lies there as in memory, little-endian, whatever it is") {
  ProtoWriter writer;
  writer.real64(1, 1.5);
  writer.real32(2, -0.15625F);
  writer.real32(2, std::numeric_limits<float>::infinity());
  CHECK(writer.bytes() == "\x09\x00\x00\x00\x00\x00\x00\xf8\x3f\x15\x00\x00\x20\xbe\x15\x00\x00\x80\x7f"s);
}
