// Where a GPU's time goes, from marks that stand around the work of its streams and are looked at once the GPU has passed
// them: nothing here waits for the GPU. Plain C++: what a mark is, is somebody else's business, so tests need no GPU.
#pragma once

#include "device/device_timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace millrace::cuda {

/// A point in the work of a stream.
class TimeMark {
 public:
  virtual ~TimeMark() = default;
  /// Whether the GPU has passed it. Does not block, does not throw: the error of work that failed is for those who need it.
  virtual bool reached() noexcept = 0;
  /// Seconds of the GPU's clock since `earlier`; both have been reached.
  virtual double seconds_since(const TimeMark& earlier) const = 0;
};
using SharedMark = std::shared_ptr<TimeMark>;

/// When a piece of work ended, on the host's clock; empty until that has been looked at.
using Moment = std::optional<double>;
using SharedMoment = std::shared_ptr<const Moment>;

/// The GPU's clock on the host's. The two run apart by some microseconds a second; what the host knows for certain keeps them
/// together: nothing begins before it was enqueued, nothing ends after it was seen done.
class ClockMatch {
 public:
  double host(double gpu) const { return gpu + offset_; }
  void not_before(double gpu, double host) {
    if (gpu + offset_ < host) offset_ = host - gpu;
  }
  void not_after(double gpu, double host) {
    if (gpu + offset_ > host) offset_ = host - gpu;
  }

 private:
  double offset_ = 0;
};

enum class WorkKind : std::uint8_t { copy, compute };

/// Safe from any thread. The work of one lane, that is of one stream, is told by one thread at a time.
class TimeAccount {
 public:
  /// So many pieces of work a lane are timed apart; behind them further work counts as part of the last of its kind. Its stream
  /// has so much before it that there are no gaps to be seen.
  static constexpr std::size_t kMostPending = 256;

  class Lane;
  /// `now`: the host's clock, in seconds.
  explicit TimeAccount(std::function<double()> now);
  ~TimeAccount();
  TimeAccount(const TimeAccount&) = delete;
  TimeAccount& operator=(const TimeAccount&) = delete;

  /// Before all work: a mark that has been reached, and the host's time just before it was put.
  void start(SharedMark reached, double host);
  double now() const { return now_(); }
  /// A lane for a stream. Work that is told stays in the account when the caller lets the lane go.
  std::shared_ptr<Lane> add_lane();
  /// The host has put `mark` onto the lane's stream, and what it enqueues now comes behind it. `asked`: when it had the input;
  /// `began`: before it put the mark.
  void begin(Lane& lane, WorkKind kind, SharedMark mark, double asked, double began);
  /// The host has put `mark` behind the work that it began last. `needs`: when the copies ended that the work waits for. When
  /// that work will have ended.
  SharedMoment end(Lane& lane, SharedMark mark, std::vector<SharedMoment> needs = {});
  /// The host has waited for the GPU.
  void add_sync(TimeSpan waited);
  /// Within computations told of the GPU has waited so many seconds for its peers.
  void add_communication(double seconds);

  /// Of all work that the GPU is done with. Waits for peers are told by the GPU, and not idle otherwise: they come off `busy`.
  DeviceTimes times();
  /// The same without looking at any mark: of the work that was looked at already.
  DeviceTimes known_times() const;

 private:
  struct Work;
  void look();
  void convert(Work& work);
  double gpu_seconds(const TimeMark& mark) const { return anchor_seconds_ + mark.seconds_since(*anchor_); }
  void move_anchor(const Work& work);
  void settle();
  void settle_until(double horizon);
  void report(const Work& work);

  std::function<double()> now_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  DeviceTimeline timeline_;
  ClockMatch clocks_;
  SharedMark anchor_,
      next_anchor_;  ///< marks that all pending work comes after; GPU seconds count from the first of them
  double anchor_seconds_ = 0, next_anchor_seconds_ = 0;
  std::uint64_t next_anchor_from_ = 0;  ///< work of this number and later comes behind `next_anchor_`
  std::uint64_t count_ = 0, next_look_ = 0;
  std::deque<TimeSpan> syncs_;
  double communication_ = 0;
};

}  // namespace millrace::cuda
