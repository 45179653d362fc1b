// Whether a device still answers, as far as anybody knows: shared by everything that belongs to it.
#pragma once

#include <millrace/error.hpp>

#include <atomic>
#include <memory>

namespace millrace::cuda {

/// Any thread. Once abandoned, nothing waits for the device and no memory of it goes back: a copy may still be under way.
class Liveness {
 public:
  void abandon() { abandoned_ = true; }
  bool is_abandoned() const { return abandoned_; }
  /// Throws Error("device-abandoned", run).
  void require() const {
    if (abandoned_)
      throw Error(ErrorKind::run, "device-abandoned", "the device was given up: it did not answer in time");
  }

 private:
  std::atomic<bool> abandoned_{false};
};
using SharedLiveness = std::shared_ptr<Liveness>;

}  // namespace millrace::cuda
