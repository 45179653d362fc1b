// PNG (ISO/IEC 15948) with the data in stored blocks of deflate (RFC 1951, section 3.2.4).
#include "png_text.hpp"

#include <algorithm>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostStored = 0xFFFF;

void put_big_endian(std::string& text, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xFFU);
}

void put_little_endian(std::string& text, std::size_t value) {
  text += static_cast<char>(value & 0xFFU);
  text += static_cast<char>(value >> 8U & 0xFFU);
}

std::uint32_t crc_of(std::string_view text) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (crc & 1U ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::uint32_t adler_of(std::string_view text) {
  constexpr std::uint32_t kPrime = 65521;
  std::uint32_t a = 1, b = 0;
  for (const char c : text) {
    a = (a + static_cast<std::uint8_t>(c)) % kPrime;
    b = (b + a) % kPrime;
  }
  return b << 16U | a;
}

std::string chunk(std::string_view type, std::string_view content) {
  std::string text;
  put_big_endian(text, static_cast<std::uint32_t>(content.size()));
  const std::string body = std::string(type).append(content);
  text += body;
  put_big_endian(text, crc_of(body));
  return text;
}

std::string stored(std::string_view content) {
  std::string text("\x78\x01");
  for (std::size_t at = 0; at < content.size(); at += kMostStored) {
    const std::string_view piece = content.substr(at, kMostStored);
    text += static_cast<char>(at + piece.size() == content.size() ? 1 : 0);
    put_little_endian(text, piece.size());
    put_little_endian(text, ~piece.size());
    text += piece;
  }
  put_big_endian(text, adler_of(content));
  return text;
}

}  // namespace

std::string png_text(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height) {
  std::string header;
  put_big_endian(header, static_cast<std::uint32_t>(width));
  put_big_endian(header, static_cast<std::uint32_t>(height));
  header.append({8, 0, 0, 0, 0});  // bits of a pixel, gray, and the only ways there are
  std::string lines;
  for (std::size_t y = 0; y < height; ++y) {
    lines += '\0';  // no filter
    const auto line = pixels.subspan(y * width, width);
    lines.append(line.begin(), line.end());
  }
  return std::string("\x89PNG\r\n\x1a\n") + chunk("IHDR", header) + chunk("IDAT", stored(lines)) + chunk("IEND", "");
}

}  // namespace millrace::pipelines
