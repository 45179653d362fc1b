// Fuzz target: any bytes as a NumPy file, raw or gzip. It is refused by an Error of kind data, or its values are all there, and the header that
// is written for them says the same.
#include "memory_file.hpp"

#include <millrace/error.hpp>
#include <millrace/files/npy.hpp>

#include <string>
#include <vector>

namespace {

using namespace millrace;

constexpr std::uint64_t kMaxBytes = 1 << 20;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_all(const std::string& path) {
  ByteReader reader(path);
  const NpyHeader header = read_npy_header(reader, kMaxBytes);
  require(header.payload_bytes <= kMaxBytes && header.shape.size() <= kMaxNpyDimensions);
  std::vector<std::byte> values(static_cast<std::size_t>(header.payload_bytes));
  read_npy_values(reader, header, values);
  require_npy_end(reader);
  const std::string text = npy_header_text(header.type, header.shape);
  const std::string file = text + std::string(reinterpret_cast<const char*>(values.data()), values.size());
  const fuzz::MemoryFile copy(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  ByteReader again(copy.path());
  const NpyHeader same = read_npy_header(again, kMaxBytes);
  require(same.type == header.type && same.shape == header.shape && same.payload_bytes == header.payload_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  try {
    read_all(file.path());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data || error.name().empty()) std::abort();
  }
  return 0;
}
