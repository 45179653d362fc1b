// Tells what the model of a run makes of the images of an IDX file: `embed RUN IMAGES`. RUN is the folder of a run, one of its checkpoints, or a file of
// `pipeline-run export --format safetensors`.
#include <millrace/error.hpp>
#include <millrace/predictor.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

namespace {

/// All bytes of the file behind the header of an IDX file of images.
std::vector<std::uint8_t> pixels_of(const char* path) {
  constexpr std::ptrdiff_t kHeader = 16;
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (all.size() < kHeader)
    throw millrace::Error(millrace::ErrorKind::data, "no-images", "there are no images in the file");
  return {all.begin() + kHeader, all.end()};
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fputs("usage: embed RUN IMAGES\n", stderr);
    return 2;
  }
  const millrace::Predictor predictor(argv[1]);
  const std::vector<std::uint8_t> pixels = pixels_of(argv[2]);
  const std::size_t size = predictor.row().stored_row_bytes();
  for (std::size_t first = 0; first < pixels.size(); first += size) {
    const millrace::Prediction image =
        predictor(std::span(pixels).subspan(first, std::min(size, pixels.size() - first)));
    std::printf("image %zu: class %lld", first / size, static_cast<long long>(image.class_id));
    if (image.class_id >= 0)
      std::printf(", probability %.6f", static_cast<double>(image.values[static_cast<std::size_t>(image.class_id)]));
    std::printf("\n");
  }
  return 0;
} catch (const millrace::Error& error) {
  std::fputs(error.render().c_str(), stderr);
  return error.exit_code();
}
