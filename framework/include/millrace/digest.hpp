// SHA-256, for data sets, weights and configs.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace millrace {

/// Takes bytes piece by piece. One thread at a time.
class MILLRACE_EXPORT Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits of everything so far. Call it once, at the end.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

MILLRACE_EXPORT std::string sha256_hex(std::span<const std::byte> bytes);
MILLRACE_EXPORT std::string sha256_hex(const std::string& text);

}  // namespace millrace
