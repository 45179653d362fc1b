// A claim that does not run out: a thread of its own tells of it that its process lives.
#pragma once

#include <millrace/files/claim.hpp>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace millrace::pipelines {

/// Any thread.
class HeldClaim {
 public:
  /// `lease`: with which it was taken.
  HeldClaim(Claim claim, std::chrono::milliseconds lease);
  /// Gives it back.
  ~HeldClaim();
  HeldClaim(const HeldClaim&) = delete;
  HeldClaim& operator=(const HeldClaim&) = delete;

  std::int64_t attempt() const;
  /// As Claim::beat, now.
  void beat();
  /// Throws claim-lost when a beat has found that. Looks at no file, and waits for none.
  void require_held() const;
  /// As Claim::commit.
  [[nodiscard]] bool commit(const std::string& path, std::string_view content);

 private:
  void keep_beating();
  void beat_locked();

  const std::chrono::milliseconds pause_;
  std::mutex claim_mutex_;
  Claim claim_;
  mutable std::mutex state_mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::exception_ptr lost_;
  std::thread thread_;
};

}  // namespace millrace::pipelines
