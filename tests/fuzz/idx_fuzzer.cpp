// Fuzz target: any bytes as an IDX file, raw or gzip. The reader must return what the header declares or throw an Error of
// kind data, and never allocate more than it was allowed.
#include "memory_file.hpp"

#include <idx/idx_file.hpp>
#include <millrace/error.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMaxBytes = 1 << 20;
  const millrace::fuzz::MemoryFile file(data, size);
  try {
    const auto idx = millrace::stages::read_idx_file(file.path(), kMaxBytes);
    if (idx.header.payload_bytes > kMaxBytes) std::abort();
    volatile std::byte last{};
    if (idx.header.payload_bytes > 0) last = idx.payload.get()[idx.header.payload_bytes - 1];
    static_cast<void>(last);
  } catch (const millrace::Error& error) {
    if (error.kind() != millrace::ErrorKind::data || error.name().empty()) std::abort();
  }
  return 0;
}
