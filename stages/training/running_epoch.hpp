// What a trainer adds up over an epoch, and how far into it it has come.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/model.hpp>
#include <millrace/packet.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <vector>

namespace millrace::stages {

/// Sums, rows and seconds of the epoch that is being trained, and of one that has ended until the next begins. Can be saved between any two
/// batches. Times are those of WorkContext::seconds. One thread at a time.
class RunningEpoch {
 public:
  /// Before anything else. Sums over ranks are taken as `reduction` asks for; the communicator outlives this.
  void open(Communicator&, Reduction reduction);

  bool is(std::uint32_t epoch) const { return taken_.epoch == epoch; }
  void begin(std::uint32_t epoch);
  /// Whether the batch was taken before the state was saved that was loaded: it comes again when its source begins the epoch anew.
  bool was_taken(const PacketHeader& batch) const { return batch.first_row < taken_.rows; }
  /// Batches of the epoch that were taken.
  std::int64_t batches() const { return static_cast<std::int64_t>(taken_.batches); }

  void begin_batch(double now);
  /// `rows`: of the batch over all ranks.
  void end_batch(const BatchSums&, std::int64_t rows, double now);
  /// Sums that a device gives only at the end of the epoch; of none `now` means nothing: the last batch ended when it was taken.
  void add_late(const BatchSums&, double now);
  /// From now on sums() are those of all ranks. Every rank calls it, behind its last batch.
  void add_up_ranks();

  const BatchSums& sums() const { return sums_; }
  /// Since the end of the epoch before.
  double seconds() const { return taken_.seconds + last_end_ - mark_; }
  /// Since its first batch began.
  double seconds_of_batches() const { return taken_.seconds + last_end_ - first_start_; }

  /// `pending`: sums of batches that were taken and not told yet.
  void save(StageState&, const BatchSums& pending) const;
  /// Throws Error("no-such-state" | "state-mismatch", data).
  void load(const StageState&);

 private:
  /// As it is saved: plain values without padding.
  struct Taken {
    std::uint64_t epoch = UINT64_MAX;  ///< none yet
    std::uint64_t batches = 0, rows = 0;
    double seconds = 0;  ///< that were spent on it before it was loaded
    BatchSums sums;      ///< empty but for what is saved
  };
  bool adds_by_batch() const;
  void add(const BatchSums&);

  Communicator* communicator_ = nullptr;
  Reduction reduction_ = Reduction::fast;
  Taken taken_;
  BatchSums sums_;
  std::vector<BatchSums> by_batch_;                   ///< where the order of the ranks' sums is by batch
  bool has_started_ = false;                          ///< a batch was taken since it was opened
  double mark_ = 0, first_start_ = 0, last_end_ = 0;  ///< mark_: end of the epoch before
};

}  // namespace millrace::stages
