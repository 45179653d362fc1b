// How build_info() learns of the library that multiplies matrices, which lies above this folder.
#pragma once

#include <string>

namespace millrace {

struct ProductLibrary {
  std::string version, isa;
};

/// Before main: `describe` is asked at each build_info().
void register_product_library(ProductLibrary (*describe)());

}  // namespace millrace
