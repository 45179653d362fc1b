// Whether a run is being stopped, and why. Every part of the run asks it, and reports its failures to it.
#pragma once

#include "run_report.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// The work during which something failed.
struct RunPosition {
  std::uint32_t epoch = 0;
  std::uint64_t packet = 0;
  std::uint64_t batch = 0;  ///< number of the batch in its epoch, from 1; 0 for what is no batch
};

/// A run stops at the first failure, at a signal or when nobody wants more of it, and never starts again. A signal and a failure that belongs to no epoch end the
/// work of every epoch; one in an epoch leaves those before it to be finished (decision 0064). Safe from any thread.
class StopState {
 public:
  /// `signal`: where a request to stop appears as a number other than 0. May be null.
  explicit StopState(const std::atomic<int>* signal) : request_(signal) {}
  /// `listener` hears each failure when it has been stored, on the thread that tells it. Before anything runs.
  void set_listener(std::function<void(const RunFailure&)> listener) { listener_ = std::move(listener); }

  /// A failure in an epoch ends all others too. Before anything runs.
  void end_all_at_once() { ends_all_ = true; }

  /// Cheap. Looks at the request itself, so that a signal counts from the next packet on.
  bool stopping() const;
  /// Whether nothing more is to be done for `epoch`. As cheap.
  bool stopping(std::uint32_t epoch) const;
  /// Whether anybody has stopped so far; a request that nobody has noticed does not count.
  bool stopped() const { return ended_.load(std::memory_order_acquire) || signal() != 0; }
  /// What was canceled because the run is stopping is no failure of its own.
  void fail(const RunFailure& failure);
  /// What was thrown, as a failure of `node` if there is one. Also when memory is lacking for the words.
  void fail(const std::exception_ptr& thrown, const ValidatedNode* node = nullptr, const RunPosition& at = {}) noexcept;
  /// Nobody wants more of the run: it ends as after a signal, and has not failed.
  void enough() noexcept;
  /// `epoch` cannot be complete any more, and with it none after it.
  void give_up(std::uint32_t epoch) noexcept;
  /// Number of the signal that `stopping` has seen; 0 when none.
  int signal() const { return signal_.load(); }
  /// In the order in which they were told.
  std::vector<RunFailure> failures() const;

 private:
  void end_work(std::uint32_t epoch) noexcept { give_up(ends_all_ ? 0 : epoch); }
  bool has_signal() const;

  const std::atomic<int>* request_;
  std::function<void(const RunFailure&)> listener_;
  mutable std::atomic<int> signal_{0};
  std::atomic<bool> ended_{false};                   ///< by a failure, or because it is enough
  std::atomic<std::uint32_t> given_up_{UINT32_MAX};  ///< the first epoch for which nothing more is done
  bool ends_all_ = false;
  mutable std::mutex mutex_;
  std::vector<RunFailure> failures_;
  std::atomic<bool> speechless_{false};  ///< there was no memory for a failure
};

/// What an exception says, as a failure without a place. Anything may be thrown, also what is no std::exception.
RunFailure describe_exception(const std::exception_ptr& thrown);
/// The same, of a node.
RunFailure failure_of(const ValidatedNode& node, const std::exception_ptr& thrown);

}  // namespace millrace::pipelines
