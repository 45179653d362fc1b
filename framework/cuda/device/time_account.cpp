// A queue of timed work for each stream: marks that the GPU has passed become times of the host's clock, and work goes to the timeline
// sorted by its end, up to the last end before which nothing more can come.
#include "cuda/device/time_account.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace::cuda {
namespace {

// A GPU tells the time between two marks in milliseconds of float32: over a second that is exact to less than a microsecond,
// over an hour to a quarter of a millisecond. So the mark that others are measured from moves on.
constexpr double kAnchorSeconds = 1;

// The account is brought up to date when a lane has this much pending, so that most work costs no look at all.
constexpr std::size_t kLookAt = 64;

}  // namespace

struct TimeAccount::Work {
  WorkKind kind = WorkKind::compute;
  SharedMark begin, end;
  std::uint64_t number = 0;
  double asked = 0, began = 0, enqueued = 0;  ///< on the host; `began`: when it put the first mark
  std::vector<SharedMoment> needs;
  std::shared_ptr<Moment> ended = std::make_shared<Moment>();
  bool is_done = false;
  TimeSpan ran;  ///< once done
};

class TimeAccount::Lane {
 private:
  friend class TimeAccount;
  std::deque<Work> pending_;
  Work open_;
};

TimeAccount::TimeAccount(std::function<double()> now) : now_(std::move(now)) {}
TimeAccount::~TimeAccount() = default;

std::shared_ptr<TimeAccount::Lane> TimeAccount::add_lane() {
  const std::lock_guard lock(mutex_);
  lanes_.push_back(std::make_shared<Lane>());
  return lanes_.back();
}

void TimeAccount::start(SharedMark reached, double host) {
  const std::lock_guard lock(mutex_);
  anchor_ = std::move(reached);
  clocks_.not_before(0, host);
}

void TimeAccount::begin(Lane& lane, WorkKind kind, SharedMark mark, double asked, double began) {
  const std::lock_guard lock(mutex_);
  lane.open_ = {};
  lane.open_.kind = kind;
  lane.open_.number = count_++;
  lane.open_.asked = asked;
  lane.open_.began = began;
  lane.open_.begin = std::move(mark);
}

SharedMoment TimeAccount::end(Lane& lane, SharedMark mark, std::vector<SharedMoment> needs) {
  const std::lock_guard lock(mutex_);
  Work work = std::move(lane.open_);
  work.end = std::move(mark);
  work.enqueued = now_();
  work.needs = std::move(needs);
  if (lane.pending_.size() >= kLookAt && count_ >= next_look_) {
    settle();
    next_look_ = count_ + kLookAt / 2;  // a GPU that is far behind is not asked each time
  }
  const auto last = std::find_if(lane.pending_.rbegin(), lane.pending_.rend(),
                                 [&](const Work& earlier) { return earlier.kind == work.kind && !earlier.is_done; });
  if (lane.pending_.size() >= kMostPending && last != lane.pending_.rend()) {
    last->end = std::move(work.end);
    return last->ended;
  }
  lane.pending_.push_back(std::move(work));
  return lane.pending_.back().ended;
}

void TimeAccount::add_sync(TimeSpan waited) {
  const std::lock_guard lock(mutex_);
  syncs_.push_back(waited);
}

void TimeAccount::add_communication(double seconds) {
  const std::lock_guard lock(mutex_);
  communication_ += seconds;
}

DeviceTimes TimeAccount::times() {
  {
    const std::lock_guard lock(mutex_);
    settle();
  }
  return known_times();
}

DeviceTimes TimeAccount::known_times() const {
  const std::lock_guard lock(mutex_);
  DeviceTimes times = timeline_.times();
  times.idle_communication = std::min(communication_, times.busy);
  times.busy -= *times.idle_communication;
  return times;
}

// The timeline wants work in the order in which it ended. What the first look finds done ended before the second began; what the
// second does not find ended after that. So everything up to the last end that the first look saw is known.
void TimeAccount::settle() {
  look();
  double horizon = -std::numeric_limits<double>::infinity();
  for (const auto& lane : lanes_)
    for (const Work& work : lane->pending_)
      if (work.is_done) horizon = std::max(horizon, work.ran.end);
  look();
  settle_until(horizon);
  std::erase_if(lanes_, [](const auto& lane) { return lane.use_count() == 1 && lane->pending_.empty(); });
}

void TimeAccount::look() {
  for (const auto& lane : lanes_)
    for (Work& work : lane->pending_) {
      if (work.is_done) continue;
      if (!work.end->reached()) break;
      convert(work);
    }
}

void TimeAccount::convert(Work& work) {
  const double begin = gpu_seconds(*work.begin), end = begin + work.end->seconds_since(*work.begin);
  clocks_.not_before(begin, work.began);
  clocks_.not_after(end, now_());
  work.ran = {clocks_.host(begin), clocks_.host(end)};
  *work.ended = work.ran.end;
  work.is_done = true;
  move_anchor(work);
}

// A mark may become the anchor once nothing is pending that could come before it: what was begun after it had been seen.
void TimeAccount::move_anchor(const Work& work) {
  if (!next_anchor_) {
    const double end = gpu_seconds(*work.end);
    if (end - anchor_seconds_ < kAnchorSeconds) return;
    next_anchor_ = work.end;
    next_anchor_seconds_ = end;
    next_anchor_from_ = count_;
    return;
  }
  for (const auto& lane : lanes_) {
    if (lane->open_.begin && lane->open_.number < next_anchor_from_) return;
    for (const Work& other : lane->pending_)
      if (!other.is_done && other.number < next_anchor_from_) return;
  }
  anchor_ = std::move(next_anchor_);
  anchor_seconds_ = next_anchor_seconds_;
}

void TimeAccount::settle_until(double horizon) {
  std::vector<Work> done;
  for (const auto& lane : lanes_) {
    std::deque<Work>& pending = lane->pending_;
    for (; !pending.empty() && pending.front().is_done && pending.front().ran.end <= horizon; pending.pop_front())
      done.push_back(std::move(pending.front()));
  }
  std::stable_sort(done.begin(), done.end(), [](const Work& a, const Work& b) { return a.ran.end < b.ran.end; });
  for (const Work& work : done) report(work);
}

// A computation makes the timeline forget the waits before it; one that goes on beyond its beginning is told again before the next.
void TimeAccount::report(const Work& work) {
  if (work.kind == WorkKind::copy) return timeline_.add_copy(work.ran);
  ComputeSpan span{work.ran, work.asked, work.enqueued, 0};
  for (const SharedMoment& need : work.needs)
    if (need) span.ready = std::max(span.ready, need->value_or(work.ran.begin));
  for (const TimeSpan& sync : syncs_)
    if (sync.begin < work.ran.begin) timeline_.add_sync(sync);
  timeline_.add_compute(span);
  std::erase_if(syncs_, [&](const TimeSpan& sync) { return sync.end <= work.ran.begin; });
}

}  // namespace millrace::cuda
