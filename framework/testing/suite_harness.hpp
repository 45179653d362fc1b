// One stage of the suite at work: its calls, on one thread or several, what they sent, and what it holds afterward.
#pragma once

#include "stage_harness.hpp"
#include "suite_calls.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::testing {

/// A packet that a stage sent.
struct Sent {
  std::string port;
  Packet packet;
};

class SuiteHarness final : public StageHarness {
 public:
  /// `memory` is the stage's; it is asked for what is live there.
  SuiteHarness(const SuiteCase& one, const InputForm& form, const Scenario& scenario, std::uint32_t first_epoch = 1);

  /// infer and open; throws what they throw or report.
  void begin() { open_once(); }
  /// All calls of an epoch, in order, each on a thread of its own when `on_many_threads`. Throws as the calls of StageHarness do.
  void run_epoch(std::size_t epoch, bool on_many_threads = false);
  void run(bool on_many_threads = false);
  /// The same on this thread, of an epoch's calls only `count` from number `first` on, from 0.
  void run_calls(std::size_t epoch, std::size_t first, std::size_t count);
  std::size_t calls_in(std::size_t epoch) const;
  /// The calls of a Transform, spread over `threads`, each of which goes through its part from the end.
  void run_out_of_order(std::size_t threads);
  /// Calls of the first epoch but the last one, as when the run fails elsewhere. Sources: the first produce.
  void run_part();

  /// From now on the n-th use of the context (allocate, emit, print, metrics; from 1) throws Error("injected"). 0: none.
  void fail_at(std::int64_t use);
  std::int64_t uses() const { return uses_; }
  bool has_injected() const { return injected_; }

  /// Gives up everything that is not the stage's own: packets sent and fed, what it has reported.
  void drop_all();
  std::size_t packets_held() const { return static_cast<std::size_t>(lease_.use_count()) - 1; }
  std::size_t bytes_held() const;

  void epoch_metrics(const Metrics& metrics) override;
  void print(std::string_view text) override;

  std::vector<Call> calls;
  std::vector<std::vector<Sent>> sent;  ///< packets sent, one list a call
  std::vector<Sent> all_sent() const;

 private:
  void use();
  void call(std::size_t index);
  bool produce_once(std::uint32_t epoch);
  void produce_epoch(std::uint32_t epoch, bool on_many_threads);
  void collect(std::size_t index, std::size_t output, Packet packet);

  std::size_t epochs_;
  std::unique_ptr<Allocator> inputs_;
  std::shared_ptr<const void> lease_ = std::make_shared<int>();
  std::atomic<std::int64_t> uses_{0};
  std::int64_t fails_at_ = 0;
  std::atomic<bool> injected_{false};
  const Allocator* memory_ = nullptr;
};

/// Everything a test can see of packets: one line each, bytes as a digest.
std::vector<std::string> lines_of(const std::vector<Sent>& packets);

}  // namespace millrace::testing
