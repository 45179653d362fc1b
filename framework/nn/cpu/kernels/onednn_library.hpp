// What oneDNN says of itself; registers that for build_info().
#pragma once

#include "core/build_info.hpp"

namespace millrace::cpu {

/// Its version, and the vector instructions that it has chosen, for good: the first call makes it choose.
ProductLibrary onednn_library();

}  // namespace millrace::cpu
