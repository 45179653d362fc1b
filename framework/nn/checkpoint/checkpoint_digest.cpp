// Over the header's own bytes and not over what it means: so a bit that flips in a name, a shape or the position is found as one of a weight.
#include "nn/checkpoint/checkpoint_digest.hpp"

#include "nn/checkpoint/checkpoint_metadata.hpp"

#include <millrace/digest.hpp>
#include <millrace/files/safetensors.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace millrace::nn {
namespace {

std::string read_text(InputFile& file, std::size_t bytes) {
  std::string text(bytes, '\0');
  text.resize(file.read_at(0, std::as_writable_bytes(std::span(text))));
  return text;
}

/// The length in front of the header and the header.
std::string read_front(InputFile& file) {
  std::uint64_t length = 0;
  const std::string bytes = read_text(file, sizeof length);
  std::memcpy(&length, bytes.data(), bytes.size());
  return read_text(file, sizeof length + std::min(length, kMaxSafetensorsHeaderBytes));
}

}  // namespace

std::string checkpoint_digest(InputFile& file, const std::string& claimed) {
  std::string front = read_front(file);
  const std::size_t at = front.find(claimed);
  if (claimed.size() != kSha256Digits || at == std::string::npos || front.find(claimed, at + 1) != std::string::npos)
    return {};
  std::fill_n(front.begin() + static_cast<std::ptrdiff_t>(at), kSha256Digits, '0');
  Sha256 digest;
  digest.update(std::as_bytes(std::span(front)));
  std::vector<std::byte> piece(kSafetensorsPieceBytes);
  std::size_t got = 0;
  for (std::uint64_t offset = front.size(); (got = file.read_at(offset, piece)) > 0; offset += got)
    digest.update(std::span(piece).first(got));
  return digest.finish();
}

}  // namespace millrace::nn
