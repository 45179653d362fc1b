// What is written is JSON to others and comes back the same; what is torn or changed is never taken for a line that others would refuse.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/files/journal_line.hpp>

#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>

using namespace millrace;
using namespace millrace::testing;

namespace {

const JournalLine kSample{2,
                          {3, 137},
                          "train",
                          {{"accuracy", 0.1},
                           {"loss", 2.0},
                           {"note", std::string("a \"b\" \u00e9\n")},
                           {"rows", std::int64_t{32}},
                           {"seen", true}}};

bool is_taken(const std::string& text) {
  JournalLine line;
  const bool is_whole = parse_journal_line(text, line);
  JournalLine place;
  CHECK(parse_journal_place(text, place) == is_whole);
  if (is_whole) CHECK((place.kind == line.kind && place.position == line.position && place.attempt == line.attempt));
  return is_whole;
}

JournalLine there_and_back(const JournalLine& line) {
  JournalLine back;
  REQUIRE(parse_journal_line(to_json(line), back));
  return back;
}

std::string written(JournalValue value) {
  JournalLine line;
  line.values["x"] = std::move(value);
  const std::string text = to_json(line), before = R"("values":{"x":)";
  const std::size_t begin = text.find(before) + before.size();
  return text.substr(begin, text.size() - 2 - begin);
}

}  // namespace

TEST_CASE("A line has its pieces in a fixed order and its values by name") {
  CHECK(to_json(kSample) == R"({"v":1,"attempt":2,"epoch":3,"batch":137,"kind":"train",)"
                            R"("values":{"accuracy":0.1,"loss":2.0,"note":"a \"b\" é\n","rows":32,"seen":true}})");
  CHECK(to_json({}) == R"({"v":1,"attempt":0,"epoch":0,"batch":0,"kind":"","values":{}})");
}

TEST_CASE("Numbers are written as short as they come back the same, and not finite ones as texts") {
  CHECK(written(0.1) == "0.1");
  CHECK(written(double{0.1F}) == "0.10000000149011612");
  CHECK(written(1.0) == "1.0");
  CHECK(written(-0.0) == "-0.0");
  CHECK(written(1e30) == "1e+30");
  CHECK(written(std::int64_t{-7}) == "-7");
  CHECK(written(std::numeric_limits<double>::infinity()) == R"("inf")");
  CHECK(written(-std::numeric_limits<double>::infinity()) == R"("-inf")");
  CHECK(written(std::numeric_limits<double>::quiet_NaN()) == R"("nan")");
  CHECK(written(-std::numeric_limits<double>::quiet_NaN()) == R"("nan")");
  CHECK(written(false) == "false");
}

TEST_CASE("A value is a number by whatever it was written as") {
  JournalLine line;
  line.values = {{"a", 0.5},
                 {"b", std::int64_t{3}},
                 {"c", std::numeric_limits<double>::infinity()},
                 {"d", std::string("x")},
                 {"e", true}};
  line.values["f"] = std::numeric_limits<double>::quiet_NaN();
  line.values["g"] = -std::numeric_limits<double>::infinity();
  for (const JournalLine& one : {line, there_and_back(line)}) {
    CHECK(one.number("a") == 0.5);
    CHECK(one.number("b") == 3.0);
    CHECK(one.number("c") == std::numeric_limits<double>::infinity());
    CHECK(one.number("g") == -std::numeric_limits<double>::infinity());
    CHECK(std::isnan(one.number("f").value_or(0)));
    for (const char* none : {"d", "e", "h"}) CHECK_FALSE(one.number(none).has_value());
  }
}

TEST_CASE("Any line is JSON to another reader, and comes back the same") {
  std::mt19937_64 draw(7);
  JournalLine line;
  for (int i = 0; i < 20'000; ++i) {
    const double number = std::bit_cast<double>(draw());
    line.attempt = static_cast<std::int64_t>(draw());
    line.position = {static_cast<std::int64_t>(draw()), static_cast<std::int64_t>(draw())};
    line.kind.assign(1, static_cast<char>(draw() % 0x80));
    line.values = {{line.kind + "d", std::isfinite(number) ? number : 0.0}, {"i", static_cast<std::int64_t>(draw())}};
    const JournalLine back = there_and_back(line);
    const nlohmann::json other = nlohmann::json::parse(to_json(line));
    REQUIRE((back.attempt == line.attempt && back.position == line.position && back.kind == line.kind));
    REQUIRE(back.values == line.values);
    REQUIRE(other.at("kind").get<std::string>() == line.kind);
    REQUIRE(std::bit_cast<std::uint64_t>(other.at("values").at(line.kind + "d").get<double>()) ==
            std::bit_cast<std::uint64_t>(std::get<double>(line.values.at(line.kind + "d"))));
    REQUIRE(other.at("values").at("i") == std::get<std::int64_t>(line.values.at("i")));
  }
}

TEST_CASE("Texts of any bytes are UTF-8 in the line, and what a terminal would obey is escaped") {
  std::mt19937_64 draw(8);
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes;
    for (std::uint64_t left = draw() % 12; left > 0; --left) bytes += static_cast<char>(draw());
    JournalLine line;
    line.values["text"] = bytes;
    const std::string text = to_json(line);
    REQUIRE(nlohmann::json::accept(text));
    const JournalLine once = there_and_back(line);
    REQUIRE(nlohmann::json::parse(text).at("values").at("text").get<std::string>() ==
            std::get<std::string>(once.values.at("text")));
    REQUIRE(there_and_back(once).values == once.values);
  }
  CHECK(written(std::string("\x1b[2J")) == R"("\u001b[2J")");
  CHECK(written(std::string("\x7f\xc2\x9b\xc2\xa0")) == "\"\\u007f\\u009b\xc2\xa0\"");
  CHECK(written(std::string("a\xff/b")) == "\"a\xef\xbf\xbd/b\"");
  CHECK(written(std::string("\xf0\x9f\x98\x80")) == "\"\xf0\x9f\x98\x80\"");
}

TEST_CASE("A line as other programs write it is taken") {
  CHECK(is_taken(
      R"( { "v" : 1, "attempt": 1, "epoch": 1, "batch": 1, "kind": "\u0074", "values": { "a" : 1E2, "b" : "\ud83d\ude00\/" } } )"));
  JournalLine line;
  REQUIRE(parse_journal_line(
      R"({"v":1,"attempt":1,"epoch":1,"batch":1,"kind":"\u0074","values":{"a":1E2,"b":"\ud83d\ude00\/"}})", line));
  CHECK(line.kind == "t");
  CHECK(line.values == decltype(line.values){{"a", 100.0}, {"b", std::string("\xf0\x9f\x98\x80/")}});
}

TEST_CASE("A part of a line is no line, and neither is more than one") {
  const std::string text = to_json(kSample);
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) CHECK_FALSE(is_taken(text.substr(0, bytes)));
  CHECK(is_taken(text));
  CHECK_FALSE(is_taken(text + text));
  CHECK_FALSE(is_taken(text + "}"));
  CHECK_FALSE(is_taken(std::string(text.size(), '\0')));
}

TEST_CASE("What is not JSON to another reader is not taken") {
  const std::string text = to_json(kSample);
  int taken = 0;
  for (std::size_t at = 0; at < text.size(); ++at)
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      JournalLine line;
      try {
        if (!parse_journal_line(changed, line)) continue;
      } catch (const Error& error) {
        REQUIRE(error.name() == "journal-version");
      }
      ++taken;
      INFO(changed);
      REQUIRE(nlohmann::json::accept(changed));
    }
  CHECK(taken > 1000);  // letters of texts and digits of numbers may change
  for (const char* value : {"01",       "1.",        ".5",          "-",           "+1",
                            "1e",       "0x1",       "nan",         "True",        "null",
                            "\"\\x\"",  "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
                            "\"\x01\"", "\"\xff\"",  "[]",          "{}",          "99999999999999999999",
                            "1e999",    ""})
    CHECK_FALSE(
        is_taken(R"({"v":1,"attempt":0,"epoch":0,"batch":0,"kind":"","values":{"a":)" + std::string(value) + "}}"));
}

TEST_CASE("A line of another version is refused by name") {
  JournalLine line;
  const Error error = error_of([&] { parse_journal_line(R"({"v":2,"anything":[]})", line); });
  CHECK(error.name() == "journal-version");
  CHECK(error.kind() == ErrorKind::data);
  CHECK(error_of([&] { parse_journal_place(R"({"v":0,)", line); }).name() == "journal-version");
}
