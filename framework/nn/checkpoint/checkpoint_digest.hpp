// The digest that a checkpoint carries of itself.
#pragma once

#include <millrace/input_file.hpp>

#include <string>

namespace millrace::nn {

/// SHA-256 of a safetensors file whose header has been read, with the digits of `claimed` in its header taken as zeros. Empty when they do
/// not stand there exactly once. Reads the whole file in pieces.
std::string checkpoint_digest(InputFile& file, const std::string& claimed);

}  // namespace millrace::nn
