// What a trainer does where a loss or a gradient is not finite: stops, leaves the step out, or goes back to the last epoch's end.
#pragma once

#include <millrace/error.hpp>
#include <millrace/metrics.hpp>
#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::stages {

/// Every rank sees the same steps and does the same. Can be saved between any two batches. One thread at a time.
class Recovery {
 public:
  enum class Kind : std::uint8_t { stop, skip, rollback };

  /// The parameter `on_nan`, and its value.
  static Param param();
  static Kind kind_from(const std::string& name);
  /// Its steps have to be done one after the other: refuses other devices than the CPU (on-nan-device). Declares memory.
  static void infer(Kind kind, const TrainSpec& spec, InferContext& ctx);

  explicit Recovery(Kind kind) : kind_(kind) {}
  bool is_wanted() const { return kind_ != Kind::stop; }
  /// Before the first step, and again when the step has its first weights. Both outlive this.
  void open(TrainStep& step, RunReporter& reporter);

  void begin_epoch();
  void step_done();
  /// A step has not been done because of `error`. True where training goes on with the next batch; it has been warned of then.
  bool goes_on(const Error& error, const std::string& data, std::uint32_t epoch, std::int64_t batch);
  /// The epoch is over. Throws Error("diverged", diverged) where none of its steps was finite.
  void end_epoch(std::uint32_t epoch);
  /// Names of what an epoch tells, and their values.
  std::vector<std::string> metric_names() const;
  void add_to(Metrics& metrics) const;

  /// Nothing where it only stops.
  void save(StageState&) const;
  /// A state of a training that only stopped has nothing of this.
  void load(const StageState&);

 private:
  /// As it is saved: plain values without padding.
  struct Counts {
    std::uint64_t done = 0, left_out = 0;  ///< steps of the epoch
    std::uint64_t in_a_row = 0;            ///< left out since the last one that was done
    std::uint64_t rollbacks = 0;           ///< of the run
    double rate_factor = 1;
  };
  void remember();

  Kind kind_;
  TrainStep* step_ = nullptr;
  RunReporter* reporter_ = nullptr;
  Counts counts_;
  bool is_in_epoch_ = false;
  StageState last_;  ///< of the step at the end of the last epoch
};

}  // namespace millrace::stages
