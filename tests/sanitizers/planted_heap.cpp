// A defect on purpose: writes past the end of a tensor, or reads a tensor after it was freed. Shows that AddressSanitizer sees
// through our allocators.
#include <millrace/device.hpp>
#include <millrace/tensor.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>

using namespace millrace;

namespace {

constexpr std::int64_t kRows = 64;  // a multiple of every alignment in use, so that no padding hides the defect

OutTensor bytes_of(Allocator& allocator) {
  return OutTensor(TensorSpec{DType::u8, {64}, {}, {}, {}}, kRows, allocator);
}

int write_past_the_end() {
  const auto allocator = make_host_allocator();
  OutTensor tensor = bytes_of(*allocator);
  volatile auto* bytes = tensor.values<std::uint8_t>().data();
  bytes[kRows * 64] = 1;
  return 0;
}

int read_after_free() {
  const auto allocator = make_host_allocator();
  const volatile std::byte* bytes = nullptr;
  {
    OutTensor tensor = bytes_of(*allocator);
    std::memset(tensor.bytes(), 1, kRows * 64);
    bytes = tensor.bytes();
  }
  return static_cast<int>(bytes[5]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "overflow") == 0) return write_past_the_end();
  if (argc == 2 && std::strcmp(argv[1], "use-after-free") == 0) return read_after_free();
  std::fputs("usage: planted_heap overflow|use-after-free\n", stderr);
  return 2;
}
