// What a Predictor makes of the rows of a file without a header, all of them in one call and each alone: `predicted_rows PATH u8|f32 ROWS OUT ALONE`.
#include <millrace/error.hpp>
#include <millrace/predictor.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

template <class T>
std::vector<T> values_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

void write(const char* path, const std::vector<float>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
}

template <class T>
void predict(const millrace::Predictor& predictor, char** paths) {
  const std::vector<T> rows = values_of<T>(paths[0]);
  write(paths[1], predictor.predict(rows));
  const std::size_t width = predictor.row().stored_row_bytes() / sizeof(T);
  std::vector<float> alone;
  for (std::size_t first = 0; first < rows.size(); first += width)
    for (const float value : predictor(std::span(rows).subspan(first, width)).values) alone.push_back(value);
  write(paths[2], alone);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 6) return 2;
  const millrace::Predictor predictor(argv[1]);
  if (std::string(argv[2]) == "u8")
    predict<std::uint8_t>(predictor, argv + 3);
  else
    predict<float>(predictor, argv + 3);
  return 0;
} catch (const millrace::Error& error) {
  std::fputs(error.render().c_str(), stderr);
  return error.exit_code();
}
