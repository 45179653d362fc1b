// Only the shape changes: rows become vectors over the same bytes, and a scalar a vector of one.
#include "catch.hpp"

#include <millrace/testing/stage_tester.hpp>

using namespace millrace;
using namespace millrace::testing;

TEST_CASE("Flatten makes every row a vector and shares the bytes") {
  StageTester t("flatten");
  const Tensor x = rows<std::uint8_t>({2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, ValueRange{0, 255});
  t.push("in", x, true);
  const Packet packet = t.pop();
  CHECK(packet.tensor().spec().row_shape == RowShape{6});
  CHECK(packet.tensor().spec().range == ValueRange{0, 255});
  CHECK(packet.rows == 2);
  CHECK(packet.header.last_in_epoch);
  CHECK(packet.tensor().bytes() == x.bytes());
}

TEST_CASE("A scalar becomes a vector of one") {
  StageTester t("flatten");
  t.push("in", rows<float>({}, {3}));
  CHECK(t.pop().tensor().spec().row_shape == RowShape{1});
}
