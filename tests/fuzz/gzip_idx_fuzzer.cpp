// Fuzz target: any bytes as an IDX file inside a well-formed gzip file, so that the fuzzer reaches the IDX reader behind
// decompression without having to invent checksums. Bytes whose first is odd are cut off in the middle after compression.
#include "memory_file.hpp"

#include <idx/idx_file.hpp>
#include <millrace/error.hpp>

#include <zlib.h>

#include <vector>

namespace {

constexpr int kGzipWindow = 15 + 16;

std::vector<std::uint8_t> gzip(const std::uint8_t* data, std::size_t size) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::vector<std::uint8_t> out(deflateBound(&stream, size) + 64);
  std::vector<std::uint8_t> in(data, data + size);
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool cut = data[0] % 2 == 1;
  std::vector<std::uint8_t> packed = gzip(data + 1, size - 1);
  if (cut) packed.resize(packed.size() / 2);
  const millrace::fuzz::MemoryFile file(packed.data(), packed.size());
  bool complete = false;
  try {
    millrace::stages::read_idx_file(file.path(), 1 << 20);
    complete = true;
  } catch (const millrace::Error& error) {
    if (error.kind() != millrace::ErrorKind::data) std::abort();
  }
  if (cut && complete) std::abort();  // half a gzip file must never pass for a whole one
  return 0;
}
