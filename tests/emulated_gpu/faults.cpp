// EMULATED_GPU_FAULT is NAME:COUNT:CODE: the COUNT-th call of NAME gives CODE; `hang` and `lost` count pieces of work.
#include "faults.hpp"

#include "emulated_gpu.hpp"

#include <atomic>
#include <cstdlib>

namespace emulated {

const Fault& planted_fault() {
  static const Fault& fault = *new Fault([] {
    const char* text = std::getenv("EMULATED_GPU_FAULT");
    const std::string words = text == nullptr ? "" : text;
    const std::size_t second = words.find(':'), third = words.find(':', second + 1);
    if (third == std::string::npos) return Fault{};
    return Fault{words.substr(0, second), std::stol(words.substr(second + 1)), std::stoi(words.substr(third + 1))};
  }());
  return fault;
}

int planted_error(const std::string& call) {
  static std::atomic<long> calls{0};
  return planted_fault().name == call && ++calls == planted_fault().count ? planted_fault().code : 0;
}

}  // namespace emulated
