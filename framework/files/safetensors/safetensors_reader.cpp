// The length in front of a header is believed only as far as the file goes.
#include "safetensors_format.hpp"
#include "safetensors_header.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace {
namespace {

using LengthBytes = std::array<std::byte, kSafetensorsLengthBytes>;

[[noreturn]] void fail(const std::string& path, std::uint64_t offset, const char* name, const std::string& what) {
  throw Error(ErrorKind::data, name, fmt::format("{}: at byte {}: {}", path, offset, what),
              "check that it is a safetensors file, and whole; torch's .pt, .pth and .bin are none");
}

[[noreturn]] void fail_as_short(const std::string& path, std::uint64_t end, const std::string& what) {
  fail(path, end, "safetensors-short", fmt::format("the file ends{}", what));
}

void require_length(std::uint64_t file_bytes, const std::string& path) {
  if (file_bytes < kSafetensorsLengthBytes)
    fail_as_short(path, file_bytes,
                  fmt::format(" within the {} bytes of its header's length", kSafetensorsLengthBytes));
}

/// Of a header that is there: what follows has that many bytes.
std::size_t header_bytes(const LengthBytes& front, std::uint64_t file_bytes, const std::string& path) {
  std::uint64_t length = 0;
  for (std::size_t i = front.size(); i-- > 0;) length = length << 8U | std::to_integer<std::uint64_t>(front.at(i));
  if (length > kMaxSafetensorsHeaderBytes)
    fail(path, 0, "safetensors-limit",
         fmt::format("a header of {} bytes, possible are {}", length, kMaxSafetensorsHeaderBytes));
  if (length > file_bytes - kSafetensorsLengthBytes)
    fail(path, 0, "safetensors-short",
         fmt::format("a header of {}, but {} of the file", counted(length, "byte"),
                     counted(file_bytes - kSafetensorsLengthBytes, "byte follows", "bytes follow")));
  return static_cast<std::size_t>(length);
}

void read_all(InputFile& file, std::uint64_t offset, std::span<std::byte> out) {
  const std::size_t got = file.read_at(offset, out);
  if (got < out.size()) fail_as_short(file.path(), offset + got, "; it was longer when it was opened");
}

// Before room is made for what may be a hundred megabytes of something else.
void require_brace(InputFile& file) {
  std::array<std::byte, 1> first{};
  if (file.read_at(kSafetensorsLengthBytes, first) == 0 || first[0] == std::byte{'{'}) return;
  fail(file.path(), kSafetensorsLengthBytes, "safetensors-header", "the header does not begin with `{`");
}

}  // namespace

const SafetensorsEntry* SafetensorsHeader::find(std::string_view name) const {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

SafetensorsHeader read_safetensors_header(InputFile& file) {
  require_length(file.bytes(), file.path());
  LengthBytes front{};
  read_all(file, 0, front);
  const std::size_t length = header_bytes(front, file.bytes(), file.path());
  require_brace(file);
  std::string text(length, '\0');
  read_all(file, kSafetensorsLengthBytes, std::as_writable_bytes(std::span(text)));
  return parse_safetensors_header(text, file.bytes(), file.path());
}

SafetensorsHeader read_safetensors_header(std::span<const std::byte> file, const std::string& name) {
  require_length(file.size(), name);
  LengthBytes front{};
  std::copy_n(file.begin(), front.size(), front.begin());
  const auto text = file.subspan(kSafetensorsLengthBytes, header_bytes(front, file.size(), name));
  return parse_safetensors_header({reinterpret_cast<const char*>(text.data()), text.size()}, file.size(), name);
}

void read_safetensors_tensor(InputFile& file, const SafetensorsEntry& tensor, std::uint64_t first,
                             std::span<std::byte> out) {
  if (first > tensor.bytes || out.size() > tensor.bytes - first)
    throw Error(ErrorKind::run, "safetensors-range",
                fmt::format("{}: {} from byte {} of tensor {}, which has {}", file.path(), counted(out.size(), "byte"),
                            first, quoted_name(tensor.name), tensor.bytes));
  read_all(file, tensor.offset + first, out);
}

}  // namespace millrace
