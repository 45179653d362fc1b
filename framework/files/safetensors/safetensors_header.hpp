// The header of a safetensors file, from its text.
#pragma once

#include <millrace/files/safetensors.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// `text` lies behind the length at the front of the file `path`, which has `file_bytes` with both. Throws as read_safetensors_header.
SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t file_bytes, const std::string& path);

}  // namespace millrace
