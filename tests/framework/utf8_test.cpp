// What counts as UTF-8, at each border of Unicode's table 3-7.
#include "catch.hpp"

#include <millrace/detail/utf8.hpp>

using namespace std::string_view_literals;

using millrace::sequence_length;

TEST_CASE("A well-formed sequence has as many bytes as its first byte says, whatever follows") {
  CHECK(sequence_length("a") == 1);
  CHECK(sequence_length("\0"sv) == 1);
  CHECK(sequence_length("\x7f") == 1);
  CHECK(sequence_length("\xc2\x80 and more") == 2);
  CHECK(sequence_length("\xdf\xbf") == 2);
  CHECK(sequence_length("\xe0\xa0\x80") == 3);
  CHECK(sequence_length("\xed\x9f\xbf") == 3);
  CHECK(sequence_length("\xee\x80\x80") == 3);
  CHECK(sequence_length("\xf0\x90\x80\x80") == 4);
  CHECK(sequence_length("\xf4\x8f\xbf\xbf") == 4);
}

TEST_CASE("What is cut, overlong, a surrogate or beyond Unicode has no length") {
  CHECK(sequence_length("") == 0);
  const auto bad =
      GENERATE("\x80"sv, "\xbf"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2x"sv, "\xe0\x9f\xbf"sv, "\xe2\x82"sv, "\xed\xa0\x80"sv,
               "\xf0\x8f\xbf\xbf"sv, "\xf1\x80\x80"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv);
  CHECK(sequence_length(bad) == 0);
}
