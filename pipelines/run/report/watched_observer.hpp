// Knows while an observer is being told something: a terminal that does not read holds up the run, and no stage.
#pragma once

#include "run_observer.hpp"

#include <atomic>

namespace millrace::pipelines {

/// Passes everything on to `inner`, which may be null.
class WatchedObserver final : public RunObserver {
 public:
  explicit WatchedObserver(RunObserver* inner) : inner_(inner) {}
  bool is_being_told() const { return told_; }

  void step(const std::string& node, const StepProgress& progress) override {
    tell([&](RunObserver& observer) { observer.step(node, progress); });
  }
  void epoch(const Metrics& metrics, bool complete) override {
    tell([&](RunObserver& observer) { observer.epoch(metrics, complete); });
  }
  void rows(std::uint32_t epoch, const std::map<std::string, RowAccount>& by_node) override {
    tell([&](RunObserver& observer) { observer.rows(epoch, by_node); });
  }
  void print(std::string_view text) override {
    tell([&](RunObserver& observer) { observer.print(text); });
  }
  void warning(const RunWarning& warning) override {
    tell([&](RunObserver& observer) { observer.warning(warning); });
  }
  void ending(const RunFailure& failure) override {
    tell([&](RunObserver& observer) { observer.ending(failure); });
  }
  void busy(const std::map<std::string, double>& seconds_by_node) override {
    tell([&](RunObserver& observer) { observer.busy(seconds_by_node); });
  }
  void finish() override {
    tell([](RunObserver& observer) { observer.finish(); });
  }

 private:
  template <class What>
  void tell(What what) {
    if (inner_ == nullptr) return;
    struct Mark {
      std::atomic<bool>& told;
      explicit Mark(std::atomic<bool>& t) : told(t) { told = true; }
      ~Mark() { told = false; }
    };
    const Mark mark(told_);  // never two at once, so a flag is enough
    what(*inner_);
  }

  RunObserver* inner_;
  std::atomic<bool> told_{false};
};

}  // namespace millrace::pipelines
