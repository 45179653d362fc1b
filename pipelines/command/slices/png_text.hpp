// Gray pictures as PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace millrace::pipelines {

/// A file of `height` lines of `width` pixels, from 0 for black to 255 for white. Not compressed: such pictures are small.
std::string png_text(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height);

}  // namespace millrace::pipelines
