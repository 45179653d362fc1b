// Tests invert alone, without a graph. Any test framework will do; this one has none.
#include <millrace/error.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <cstdint>
#include <cstdio>

using namespace millrace;
using millrace::testing::rows;
using millrace::testing::StageTester;

namespace {

bool inverts_every_byte() {
  StageTester t("invert");
  t.push("in", rows<std::uint8_t>({3}, {0, 1, 255, 10, 20, 30}), true);
  const auto packet = t.pop("out");
  const auto y = packet.tensor().stored<std::uint8_t>();
  const std::vector<std::uint8_t> expected{255, 254, 0, 245, 235, 225};
  return packet.header.last_in_epoch && std::vector<std::uint8_t>(y.begin(), y.end()) == expected;
}

bool refuses_floats() {
  StageTester t("invert");
  t.input("in", PortSpec::single(TensorSpec{DType::f32, {3}, {}, {}, {}}, 2, 2));
  const auto errors = t.infer();
  return errors.size() == 1 && errors.front().name == "dtype-mismatch";
}

bool check(const char* what, bool good) {
  std::printf("%s: %s\n", good ? "passed" : "FAILED", what);
  return good;
}

}  // namespace

int main() {
  const bool inverted = check("invert turns every byte x into 255 - x", inverts_every_byte());
  const bool refused = check("invert refuses float input before any data moves", refuses_floats());
  return inverted && refused ? 0 : 1;
}
