// Events of TensorBoard: the check, the frame, and what is there when a write fails.
#include "catch.hpp"

#include "gated_calls.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/files/event_file.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::testing;
using namespace std::string_literals;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U;
}

/// Each record is whole, and its checks hold.
std::vector<std::string> records_of(const std::string& bytes) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = number_at<std::uint64_t>(bytes, at);
    REQUIRE(at + 16 + length <= bytes.size());
    REQUIRE(number_at<std::uint32_t>(bytes, at + 8) == masked(std::string_view(bytes).substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    REQUIRE(number_at<std::uint32_t>(bytes, at + 12 + length) == masked(records.back()));
    at += 16 + length;
  }
  return records;
}

}  // namespace

TEST_CASE("CRC-32C gives what its standard lists") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAU);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43U);
}

TEST_CASE("The first record names the version, each other one is the scalars of a step") {
  const TempFolder temp;
  const std::string path = temp.path() + "/events";
  EventFile file(path, 1.5);
  const std::array<EventScalar, 2> scalars{{{"loss", 0.5}, {"val_loss", std::numeric_limits<double>::infinity()}}};
  CHECK(file.append(2, 1, scalars));
  const std::vector<std::string> records = records_of(content(path));
  REQUIRE(records.size() == 2);
  CHECK(records[0] == "\x09\x00\x00\x00\x00\x00\x00\xf8\x3f\x1a\x0d"s + "brain.Event:2");
  CHECK(records[1] == "\x09\x00\x00\x00\x00\x00\x00\x00\x40\x10\x01\x2a\x1e"s +
                          "\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x3f"s +
                          "\x0a\x0f\x0a\x08val_loss\x15\x00\x00\x80\x7f"s);
}

TEST_CASE("A step is written once, and none after a later one") {
  const TempFolder temp;
  EventFile file(temp.path() + "/events", 0);
  const std::array<EventScalar, 1> scalars{{{"loss", 1}}};
  CHECK(file.append(0, 3, scalars));
  CHECK_FALSE(file.append(0, 3, scalars));
  CHECK_FALSE(file.append(0, 2, scalars));
  CHECK(file.append(0, 4, scalars));
  CHECK(records_of(content(temp.path() + "/events")).size() == 3);
}

TEST_CASE("What was written of a record that failed is cut off, and the step may be tried again") {
  const TempFolder temp;
  const std::array<EventScalar, 1> scalars{{{"loss", 1}}};
  EventFile file(temp.path() + "/events", 0);
  {
    GatedCalls calls([](std::string_view call, int) { return call == "write" ? ENOSPC : kPass; });
    calls.writes_half = true;
    CHECK_THROWS_AS(file.append(0, 1, scalars), Error);
  }
  CHECK(records_of(content(temp.path() + "/events")).size() == 1);
  CHECK(file.append(0, 1, scalars));
  file.sync();
  CHECK(records_of(content(temp.path() + "/events")).size() == 2);
}

TEST_CASE("A file that is there is nobody's to append to") {
  const TempFolder temp;
  const EventFile file(temp.path() + "/events", 0);
  CHECK_THROWS_AS(EventFile(temp.path() + "/events", 0), Error);
}

TEST_CASE("A host's name does not leave the folder") {
  CHECK(event_file_name(1700000000, "../a b") == "events.out.tfevents.1700000000..._a_b");
  CHECK(event_file_name(7, "") == "events.out.tfevents.0000000007.");
}
