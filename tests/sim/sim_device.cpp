// Each stream is a thread with a queue, all under one mutex; a hash of the seed decides how often it yields before each piece of work, so that
// other seeds try other interleavings.
#include "sim_device.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::sim {
namespace {

std::exception_ptr device_error(const char* name, const char* what) {
  return std::make_exception_ptr(Error(ErrorKind::run, name, what));
}

// Any change of a byte changes it; that is all it is for.
std::uint64_t digest(const void* bytes, std::size_t count) {
  std::uint64_t hash = 14695981039346656037U;
  for (std::size_t i = 0; i < count; ++i) hash = (hash ^ static_cast<const unsigned char*>(bytes)[i]) * 1099511628211U;
  return hash;
}

}  // namespace

bool SimEvent::observe() {
  if (settled()) world_->shadow_.host_sees(clock_);  // failed work has ended too
  if (error_) std::rethrow_exception(error_);
  return finished_;
}

bool SimEvent::done() {
  const std::lock_guard lock(world_->mutex_);
  return observe();
}

void SimEvent::synchronize() {
  std::unique_lock lock(world_->mutex_);
  world_->changed_.wait(lock, [this] { return settled(); });
  observe();
}

bool SimEvent::wait_for(std::chrono::milliseconds /*limit*/) {
  std::unique_lock lock(world_->mutex_);
  world_->changed_.wait(lock, [this] { return settled() || world_->hangs(); });
  return observe();
}

void World::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void World::resume() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  changed_.notify_all();
}

double World::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void World::advance(double seconds) {
  const std::lock_guard lock(mutex_);
  now_ += seconds;
}

std::vector<Violation> World::violations() const {
  const std::lock_guard lock(mutex_);
  return shadow_.violations();
}

std::vector<std::string> World::violation_names() const {
  std::vector<std::string> names;
  for (const Violation& violation : violations())
    if (std::find(names.begin(), names.end(), violation.name) == names.end()) names.push_back(violation.name);
  return names;
}

std::uint64_t World::copies() const {
  const std::lock_guard lock(mutex_);
  return copies_;
}

std::uint64_t World::copies_from_elsewhere() const {
  const std::lock_guard lock(mutex_);
  return copies_from_elsewhere_;
}

std::uint64_t World::copied_bytes() const {
  const std::lock_guard lock(mutex_);
  return copied_bytes_;
}

std::uint64_t World::gathered_rows() const {
  const std::lock_guard lock(mutex_);
  return gathered_rows_;
}

std::size_t World::live_bytes() const {
  const std::lock_guard lock(mutex_);
  return shadow_.live_bytes(MemoryKind::device) + shadow_.live_bytes(MemoryKind::staging);
}

std::size_t World::live_bytes_when_abandoned() const {
  const std::lock_guard lock(mutex_);
  return live_when_abandoned_;
}

void World::host_reads(ByteRange range) {
  const std::lock_guard lock(mutex_);
  shadow_.host_reads(range);
}

bool World::hangs() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const SimStream* stream) { return stream->hangs_; }) &&
         std::none_of(streams_.begin(), streams_.end(), [](const SimStream* stream) { return stream->can_go_on(); });
}

// What a stream is in the midst of ends first: afterward nothing touches the memory that is let go.
void World::abandon() {
  std::unique_lock lock(mutex_);
  if (abandoned_) return;
  held_ = true;
  changed_.wait(lock, [this] {
    return std::none_of(streams_.begin(), streams_.end(), [](const SimStream* stream) { return stream->performs_; });
  });
  abandoned_ = true;
  failure_ = device_error("device-abandoned", "the device was given up");
  live_when_abandoned_ = shadow_.live_bytes(MemoryKind::device) + shadow_.live_bytes(MemoryKind::staging);
  shadow_.all_work_ended();
  changed_.notify_all();
}

class SimAllocator final : public Allocator {
 public:
  SimAllocator(std::shared_ptr<World> world, MemoryKind kind) : world_(std::move(world)), kind_(kind) {}
  std::shared_ptr<std::byte> allocate(std::size_t bytes) override {
    const std::lock_guard lock(world_->mutex_);
    if (kind_ == MemoryKind::device && bytes > world_->settings_.memory_bytes - world_->shadow_.live_bytes(kind_))
      throw Error(ErrorKind::run, "out-of-memory", "the device has no room for " + std::to_string(bytes) + " bytes");
    return {world_->shadow_.allocate(bytes, kind_), [world = world_](std::byte* begin) {
              const std::lock_guard again(world->mutex_);
              world->shadow_.release(begin);
            }};
  }
  std::size_t live_bytes() const override {
    const std::lock_guard lock(world_->mutex_);
    return world_->shadow_.live_bytes(kind_);
  }
  std::size_t peak_bytes() const override {
    const std::lock_guard lock(world_->mutex_);
    return world_->shadow_.peak_bytes(kind_);
  }

 private:
  std::shared_ptr<World> world_;
  MemoryKind kind_;
};

SimStream::SimStream(std::shared_ptr<World> world) : world_(std::move(world)) {
  const std::lock_guard lock(world_->mutex_);
  index_ = world_->shadow_.add_stream();
  time_ = world_->now_;
  world_->streams_.push_back(this);
  thread_ = std::thread([this] { work(); });
}

SimStream::~SimStream() {
  {
    const std::lock_guard lock(world_->mutex_);
    closing_ = true;
    if (!covered_ && !world_->failure_)
      world_->shadow_.report("copy-without-event", "a stream ends with work that no event stands behind");
    world_->changed_.notify_all();
  }
  thread_.join();
  const std::lock_guard lock(world_->mutex_);
  std::erase(world_->streams_, this);
}

bool SimStream::can_go_on() const {
  if (hangs_) return false;
  return waits_for_ ? waits_for_->settled() : works_ || !ops_.empty();
}

// Before the shadow hears of the work: what is never begun must not keep its memory taken.
void SimStream::refuse_if_abandoned() const {
  if (world_->abandoned_) std::rethrow_exception(world_->failure_);
}

void SimStream::push(Op op) {
  refuse_if_abandoned();
  op.enqueued = world_->now_;
  ops_.push_back(std::move(op));
  world_->changed_.notify_all();
}

void SimStream::copy(void* to, const void* from, std::size_t bytes) {
  Op op;
  std::uint64_t copies = 0;
  {
    const std::lock_guard lock(world_->mutex_);
    refuse_if_abandoned();
    world_->shadow_.work(index_, Actor::copy, {{from, bytes}}, {{to, bytes}});
    covered_ = false;
    const bool is_inside = world_->shadow_.is_live(from, MemoryKind::device);
    if (!world_->shadow_.is_live(from, MemoryKind::staging) && !is_inside) ++world_->copies_from_elsewhere_;
    if (!is_inside) world_->copied_bytes_ += bytes;
    op.fails = world_->settings_.failing_copy == world_->copies_;
    op.hangs = world_->settings_.hanging_copy == world_->copies_;
    copies = ++world_->copies_;
    op.seconds = world_->settings_.seconds_per_copied_byte * static_cast<double>(bytes);
    // Only what the host fills can be refilled by it; the device's own memory may still be written by earlier work.
    const bool watched = world_->shadow_.is_live(from, MemoryKind::staging);
    const std::uint64_t content = watched ? digest(from, bytes) : 0;
    op.body = [this, to, from, bytes, watched, content] {
      if (watched && digest(from, bytes) != content) {
        const std::lock_guard again(world_->mutex_);
        if (world_->shadow_.is_live(from, MemoryKind::staging))
          world_->shadow_.report("slot-refilled", "the source of a copy was written before the copy had ended");
      }
      std::memcpy(to, from, bytes);
    };
    push(std::move(op));
  }
  world_->settings_.on_copy(copies);
}

Event SimStream::record() {
  const std::lock_guard lock(world_->mutex_);
  covered_ = true;
  Op op;
  op.kind = Op::Kind::record;
  op.event = std::make_shared<SimEvent>(world_, world_->shadow_.clock_of(index_));
  const Event event(op.event);
  push(std::move(op));
  return event;
}

void SimStream::wait(const Event& event) {
  const std::lock_guard lock(world_->mutex_);
  auto ours = std::dynamic_pointer_cast<SimEvent>(event.state());
  if (!ours) return world_->shadow_.report("unrecorded-event", "a stream waits for an event that nobody has recorded");
  world_->shadow_.stream_waits(index_, ours->clock_);
  Op op;
  op.kind = Op::Kind::wait;
  op.event = std::move(ours);
  push(std::move(op));
}

void SimStream::compute(const std::vector<ByteRange>& reads, const std::vector<ByteRange>& writes, double asked,
                        double seconds, std::function<void()> body) {
  const std::lock_guard lock(world_->mutex_);
  refuse_if_abandoned();
  world_->shadow_.work(index_, Actor::compute, reads, writes);
  covered_ = false;
  Op op;
  op.kind = Op::Kind::compute;
  op.asked = asked;
  op.seconds = seconds;
  op.body = std::move(body);
  push(std::move(op));
}

// Which rows it reads is known on the device alone, so it may be any of the table's.
void SimStream::gather(std::span<const RowGather> gathers) {
  const std::lock_guard lock(world_->mutex_);
  refuse_if_abandoned();
  for (const RowGather& gather : gathers) {
    const auto rows = static_cast<std::size_t>(gather.count);
    world_->shadow_.work(index_, Actor::copy,
                         {{gather.table, static_cast<std::size_t>(gather.table_rows) * gather.row_bytes},
                          {gather.rows, rows * sizeof(std::uint32_t)}},
                         {{gather.to, rows * gather.row_bytes}});
    covered_ = false;
    world_->gathered_rows_ += rows;
    Op op;
    op.seconds = world_->settings_.seconds_per_copied_byte * static_cast<double>(rows * gather.row_bytes);
    op.body = [gather] { gather_on_host(gather); };
    push(std::move(op));
  }
}

void SimStream::synchronize() {
  const double began = world_->now();
  const Event event = record();
  event.synchronize();
  const std::lock_guard lock(world_->mutex_);
  const double ended = std::dynamic_pointer_cast<SimEvent>(event.state())->time_;
  if (ended <= began) return;
  world_->now_ = std::max(world_->now_, ended);
  world_->timeline_.add_sync({began, ended});
}

// After the device was given up nothing is begun any more, and every event that is left says so.
void SimStream::work() {
  std::unique_lock lock(world_->mutex_);
  while (true) {
    world_->changed_.wait(
        lock, [this] { return world_->abandoned_ || (!ops_.empty() && !world_->held_) || (closing_ && ops_.empty()); });
    if (ops_.empty() && closing_) return;
    if (ops_.empty()) {  // given up: only the end can come
      world_->changed_.wait(lock, [this] { return closing_ || !ops_.empty(); });
      continue;
    }
    Op op = std::move(ops_.front());
    ops_.pop_front();
    works_ = true;
    run(op, lock);
    lock.unlock();
    op = Op();  // what it holds goes without the lock: that may be memory of this device
    lock.lock();
    works_ = false;
    world_->changed_.notify_all();
  }
}

void SimStream::run(Op& op, std::unique_lock<std::mutex>& lock) {
  if (op.hangs) hang(lock);
  if (op.hangs && !world_->failure_) world_->failure_ = device_error("device-failed", "a copy has not ended");
  if (op.fails && !world_->failure_)
    world_->failure_ = device_error("device-failed", "a copy to the device has failed");
  if (!world_->failure_ && op.kind == Op::Kind::wait) {
    waits_for_ = op.event;
    world_->changed_.notify_all();
    world_->changed_.wait(lock, [&] { return op.event->settled() || world_->failure_; });
    waits_for_.reset();
    time_ = std::max(time_, op.event->time_);
    ready_ = std::max(ready_, op.event->time_);
  }
  if (!world_->failure_ && op.body) perform(op, lock);
  if (op.kind != Op::Kind::record) return;
  op.event->time_ = time_;
  op.event->error_ = world_->failure_;
  op.event->finished_ = !world_->failure_;
}

void SimStream::hang(std::unique_lock<std::mutex>& lock) {
  hangs_ = true;
  world_->changed_.notify_all();
  world_->changed_.wait(lock, [this] { return world_->abandoned_ || closing_; });
  hangs_ = false;
}

void SimStream::perform(Op& op, std::unique_lock<std::mutex>& lock) {
  const TimeSpan ran{std::max(time_, op.enqueued), std::max(time_, op.enqueued) + op.seconds};
  performs_ = true;
  lock.unlock();
  let_others_go_first();
  op.body();
  lock.lock();
  performs_ = false;
  time_ = ran.end;
  if (op.kind == Op::Kind::copy) world_->timeline_.add_copy(ran);
  if (op.kind == Op::Kind::compute) world_->timeline_.add_compute({ran, op.asked, op.enqueued, ready_});
}

void SimStream::let_others_go_first() {
  std::uint64_t x = (world_->settings_.seed + 1) * 0x9E3779B97F4A7C15U + index_ * 0xBF58476D1CE4E5B9U + ++turn_;
  x = (x ^ (x >> 30)) * 0x94D049BB133111EBU;
  for (std::uint64_t yields = (x >> 40) % 16; yields > 0; --yields) std::this_thread::yield();
}

SimDevice::SimDevice(std::shared_ptr<World> world)
    : world_(std::move(world)),
      memory_(std::make_unique<SimAllocator>(world_, MemoryKind::device)),
      staging_(std::make_unique<SimAllocator>(world_, MemoryKind::staging)) {}

SimDevice::~SimDevice() {
  {
    const std::lock_guard lock(world_->mutex_);
    world_->shadow_.check_quarantine();
  }
  world_->settings_.on_close(*world_);
}

bool SimDevice::owns(const void* bytes) const {
  const std::lock_guard lock(world_->mutex_);
  return world_->shadow_.is_live(bytes, MemoryKind::device);
}

}  // namespace millrace::sim
