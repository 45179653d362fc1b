// Small IDX and gzip files for tests.
#pragma once

#include "temp_folder.hpp"

#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::testing {

/// File content; a string, so that pieces are joined by +.
using Bytes = std::string;

inline Bytes big_endian(std::uint64_t value, int bytes) {
  Bytes out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
  return out;
}

inline Bytes idx_header(int type, const std::vector<std::uint32_t>& extents) {
  Bytes out = Bytes(2, '\0') + static_cast<char>(type) + static_cast<char>(extents.size());
  for (const std::uint32_t extent : extents) out += big_endian(extent, 4);
  return out;
}

/// An IDX file of bytes: type 08.
inline Bytes idx_of_bytes(const std::vector<std::uint32_t>& extents, const std::vector<std::uint8_t>& values) {
  return idx_header(0x08, extents) + Bytes(values.begin(), values.end());
}

/// `data` as one gzip member.
inline Bytes gzip(const Bytes& data) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  Bytes out(deflateBound(&stream, data.size()) + 32, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("deflate");
  return out;
}

/// Sets an environment variable and puts it back at the end.
class WithEnvironment {
 public:
  WithEnvironment(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) {
      had_ = true;
      old_ = old;
    }
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~WithEnvironment() { had_ ? ::setenv(name_.c_str(), old_.c_str(), 1) : ::unsetenv(name_.c_str()); }
  WithEnvironment(const WithEnvironment&) = delete;
  WithEnvironment& operator=(const WithEnvironment&) = delete;

 private:
  std::string name_, old_;
  bool had_ = false;
};

}  // namespace millrace::testing
