// What a test has planted; see planted_error.
#pragma once

#include <string>

namespace emulated {

struct Fault {
  std::string name;
  long count = 0;
  int code = 0;
};

/// From EMULATED_GPU_FAULT; an empty name: none.
const Fault& planted_fault();

}  // namespace emulated
