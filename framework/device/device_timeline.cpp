// The idle time before a computation is cut where a possible cause begins or ends, and each piece charged to one cause.
#include "device/device_timeline.hpp"

#include <algorithm>
#include <vector>

namespace millrace {
namespace {

// A copy that takes longer than this many computations is charged as if it had been seen during the last of them only.
constexpr std::size_t kRemembered = 65536;

bool covers(const std::deque<TimeSpan>& spans, double moment) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const TimeSpan& s) { return s.begin <= moment && moment < s.end; });
}

void add_cuts(const std::deque<TimeSpan>& spans, std::vector<double>& cuts) {
  for (const TimeSpan& span : spans) cuts.insert(cuts.end(), {span.begin, span.end});
}

}  // namespace

void DeviceTimeline::start(double begin) {
  if (started_) return;
  started_ = true;
  origin_ = computed_until_ = copied_until_ = begin;
}

void DeviceTimeline::add_copy(TimeSpan ran) {
  const std::lock_guard lock(mutex_);
  start(ran.begin);
  sums_.copy += ran.end - ran.begin;
  copied_until_ = std::max(copied_until_, ran.end);
  copies_.push_back(ran);
  settle_copies();
}

void DeviceTimeline::add_sync(TimeSpan waited) {
  const std::lock_guard lock(mutex_);
  syncs_.push_back(waited);
}

void DeviceTimeline::add_communication(TimeSpan waited) {
  const std::lock_guard lock(mutex_);
  communications_.push_back(waited);
}

void DeviceTimeline::add_compute(const ComputeSpan& span) {
  const std::lock_guard lock(mutex_);
  start(span.ran.begin);
  if (span.ran.begin > computed_until_) charge_idle(span);
  syncs_.clear();
  communications_.clear();
  const TimeSpan more{std::max(span.ran.begin, computed_until_), span.ran.end};  // two streams may compute at once
  if (more.end <= more.begin) return;
  sums_.busy += more.end - more.begin;
  computed_until_ = more.end;
  if (!computed_.empty() && computed_.back().end == more.begin)
    computed_.back().end = more.end;
  else
    computed_.push_back(more);
  if (computed_.size() > kRemembered) computed_.pop_front();
  settle_copies();
}

// The gap falls into pieces with one cause each.
void DeviceTimeline::charge_idle(const ComputeSpan& span) {
  const double from = computed_until_, to = span.ran.begin;
  std::vector<double> cuts{from, to, span.asked, span.enqueued, span.ready};
  add_cuts(syncs_, cuts);
  add_cuts(communications_, cuts);
  std::sort(cuts.begin(), cuts.end());
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const double begin = std::max(cuts[i], from), end = std::min(cuts[i + 1], to);
    if (begin < end) *cause_of((begin + end) / 2, span) += end - begin;
  }
}

double* DeviceTimeline::cause_of(double moment, const ComputeSpan& span) {
  if (covers(syncs_, moment)) return &sums_.idle_sync;
  if (covers(communications_, moment)) return &*sums_.idle_communication;
  if (moment < span.asked) return &sums_.idle_input;
  if (moment < span.enqueued) return &sums_.idle_launch;
  return moment < span.ready ? &sums_.idle_input : &sums_.idle_launch;
}

double DeviceTimeline::hidden_part(const TimeSpan& copy) const {
  double hidden = 0;
  const auto first = std::partition_point(computed_.begin(), computed_.end(),
                                          [&](const TimeSpan& span) { return span.end <= copy.begin; });
  for (auto it = first; it != computed_.end() && it->begin < copy.end; ++it)
    hidden += std::max(0.0, std::min(it->end, copy.end) - std::max(it->begin, copy.begin));
  return hidden;
}

// A copy is settled once later computations begin behind it. Computations before every copy that may still come go too.
void DeviceTimeline::settle_copies() {
  while (!copies_.empty() && (copies_.front().end <= computed_until_ || copies_.size() > kRemembered)) {
    sums_.copy_hidden += hidden_part(copies_.front());
    copies_.pop_front();
  }
  const double needed_from = copies_.empty() ? copied_until_ : std::min(copied_until_, copies_.front().begin);
  while (!computed_.empty() && computed_.front().end <= needed_from) computed_.pop_front();
}

DeviceTimes DeviceTimeline::times() const {
  const std::lock_guard lock(mutex_);
  DeviceTimes times = sums_;
  for (const TimeSpan& copy : copies_) times.copy_hidden += hidden_part(copy);
  times.seconds = std::max(computed_until_, copied_until_) - origin_;
  times.idle_input += std::max(0.0, copied_until_ - computed_until_);
  return times;
}

}  // namespace millrace
