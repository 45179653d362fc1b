// Tests random_affine alone, without a graph. Any test framework will do; this one has none.
#include <millrace/testing/stage_tester.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <vector>

using namespace millrace;
using millrace::testing::StageTester;

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::int64_t kSide = 9;
constexpr double kMiddle = 4;
constexpr std::size_t kPixels = kSide * kSide;

bool check(const char* what, bool good) {
  std::printf("%s: %s\n", good ? "passed" : "FAILED", what);
  return good;
}

/// Images without two equal pixels beside each other.
Bytes images(std::size_t count) {
  Bytes bytes(count * kPixels);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 % 251);
  return bytes;
}

Bytes popped(StageTester& tester) {
  const Packet packet = tester.pop();
  const auto bytes = packet.tensor().stored<std::uint8_t>();
  return {bytes.begin(), bytes.end()};
}

/// What an epoch of one packet becomes, in `epochs` epochs, one behind the other.
Bytes moved(const ParamValue::Map& params, const Bytes& pixels, std::uint64_t seed = 1, int epochs = 1) {
  StageTester tester("random_affine", params);
  tester.seed(seed);
  Bytes all;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    tester.push("in", testing::rows({kSide, kSide}, pixels), true);
    const Bytes one = popped(tester);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

bool keeps_what_may_not_move() {
  const ParamValue::Map nothing{{"max_shift", 0.0}, {"max_rotation", 0.0}};
  return check("an image that may not move keeps its bytes", moved(nothing, images(3)) == images(3));
}

bool is_reproducible() {
  const Bytes pixels = images(4), whole = moved({}, pixels);
  StageTester tester("random_affine");
  tester.seed(1);
  tester.push("in", testing::rows({kSide, kSide}, Bytes(pixels.begin(), pixels.begin() + 3 * kPixels)));
  tester.push("in", testing::rows({kSide, kSide}, Bytes(pixels.begin() + 3 * kPixels, pixels.end())), true);
  Bytes parts = popped(tester);
  const Bytes rest = popped(tester);
  parts.insert(parts.end(), rest.begin(), rest.end());
  const Bytes two = moved({}, pixels, 1, 2);
  return check("blocks of another size give the same bytes", parts == whole) &
         check("another seed gives others", moved({}, pixels, 2) != whole) &
         check("and so does the next epoch", !std::equal(whole.begin(), whole.end(), two.begin() + 4 * kPixels));
}

// One bright pixel in the middle: where its light went is how far the image was shifted.
bool shifts_as_far_as_it_may() {
  bool near = true, whole = true, any = false;
  Bytes pixels(64 * kPixels, 0);
  for (std::size_t image = 0; image < 64; ++image) pixels[image * kPixels + kPixels / 2] = 250;
  const Bytes result = moved({{"max_shift", 2.0}, {"max_rotation", 0.0}}, pixels);
  for (std::size_t image = 0; image < 64; ++image) {
    double light = 0, x = 0, y = 0;
    for (std::size_t i = 0; i < kPixels; ++i) {
      const double value = result[image * kPixels + i];
      const std::size_t row = i / kSide, column = i % kSide;
      light += value;
      x += value * static_cast<double>(column);
      y += value * static_cast<double>(row);
    }
    // Four bytes are rounded, each by half at most.
    whole = whole && std::abs(light - 250) <= 2;
    const double right = x / light - kMiddle, down = y / light - kMiddle;
    near = near && std::abs(right) <= 2.02 && std::abs(down) <= 2.02;
    any = any || std::abs(right) > 1;
  }
  return check("no light is lost", whole) & check("a shift is at most max_shift, and uses it", near && any);
}

bool rotates_around_the_middle() {
  const Bytes pixels = images(8), result = moved({{"max_shift", 0.0}, {"max_rotation", 180.0}}, pixels);
  bool same_middle = true;
  for (std::size_t image = 0; image < 8; ++image) {
    const std::size_t middle = image * kPixels + kPixels / 2;
    same_middle = same_middle && result[middle] == pixels[middle];
  }
  return check("a rotation keeps the middle and nothing else", same_middle && result != pixels);
}

bool takes_floats_and_channels() {
  StageTester tester("random_affine", {{"fill", 0.5}});
  tester.push("in", testing::rows<float>({4, 3, 2}, std::vector<float>(48, 0.5F)), true);
  const Packet packet = tester.pop();
  const auto values = packet.tensor().f32();
  const bool same = std::all_of(values.begin(), values.end(), [](float v) { return std::abs(v - 0.5F) < 1e-6F; });
  return check("floats with channels stay what they were where all is as bright as the edge",
               values.size() == 48 && same);
}

bool refuses_vectors() {
  StageTester tester("random_affine");
  tester.input("in", PortSpec::single({DType::u8, {784}, {}, {}, {}}, 2, 2));
  const auto errors = tester.infer();
  return check("rows without height and width are refused before any data moves",
               errors.size() == 1 && errors[0].name == "shape-mismatch");
}

bool refuses_a_fill_that_is_no_byte() {
  StageTester tester("random_affine", {{"fill", 256.0}});
  tester.input("in", PortSpec::single({DType::u8, {4, 4}, {}, {}, {}}, 2, 2));
  const auto errors = tester.infer();
  return check("bytes cannot be filled with 256", errors.size() == 1 && errors[0].site.path == "fill");
}

}  // namespace

int main() {
  const bool good = keeps_what_may_not_move() & is_reproducible() & shifts_as_far_as_it_may() &
                    rotates_around_the_middle() & takes_floats_and_channels() & refuses_vectors() &
                    refuses_a_fill_that_is_no_byte();
  return good ? 0 : 1;
}
