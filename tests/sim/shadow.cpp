// A race detector: each access to a byte range is compared with earlier ones by vector clocks. Freed blocks are poisoned and kept in
// quarantine, to find writes after free.
#include "shadow.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace millrace::sim {
namespace {

constexpr std::size_t kQuarantineBytes = std::size_t{32} << 20;
constexpr std::align_val_t kAlignment{64};

std::byte* pointer(std::uintptr_t address) { return reinterpret_cast<std::byte*>(address); }
std::uintptr_t address(const void* begin) { return reinterpret_cast<std::uintptr_t>(begin); }
std::string bytes_text(std::size_t begin, std::size_t end) {
  return "bytes " + std::to_string(begin) + " to " + std::to_string(end);
}

}  // namespace

void join(VectorClock& clock, const VectorClock& other) {
  clock.resize(std::max(clock.size(), other.size()), 0);
  for (std::size_t i = 0; i < other.size(); ++i) clock[i] = std::max(clock[i], other[i]);
}

Shadow::~Shadow() {
  for (const auto& [begin, block] : blocks_) ::operator delete(pointer(begin), kAlignment);
}

std::byte* Shadow::allocate(std::size_t bytes, MemoryKind kind) {
  auto* begin = static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 1), kAlignment));
  std::memset(begin, kPoison, bytes);
  Block& block = blocks_[address(begin)];
  block.bytes = bytes;
  block.kind = kind;
  const int i = static_cast<int>(kind);
  live_[i] += bytes;
  peak_[i] = std::max(peak_[i], live_[i]);
  return begin;
}

void Shadow::release(std::byte* begin) {
  Block& block = blocks_.at(address(begin));
  bool in_use = false;
  for (const Access& access : block.accesses) {
    if (follows(host_, access)) continue;
    in_use = true;
    const bool by_copy = access.actor == Actor::copy;
    report(!by_copy        ? "freed-while-computing"
           : access.writes ? "target-freed"
                           : "source-freed",
           bytes_text(access.begin, access.end) + " were given back before the work that uses them was seen done");
    break;
  }
  block.is_live = false;
  live_[static_cast<int>(block.kind)] -= block.bytes;
  if (in_use) return;  // named already; touching it would be a race of this file
  std::memset(begin, kPoison, block.bytes);
  quarantined_ += block.bytes;
  quarantine_.push_back(address(begin));
  evict(kQuarantineBytes);
}

void Shadow::evict(std::size_t limit) {
  while (quarantined_ > limit) {
    const auto it = blocks_.find(quarantine_.front());
    const auto* first = reinterpret_cast<const unsigned char*>(pointer(it->first));
    if (!std::all_of(first, first + it->second.bytes, [](unsigned char c) { return c == kPoison; }))
      report("written-after-free", "a block of " + std::to_string(it->second.bytes) + " bytes has lost its poison");
    quarantined_ -= it->second.bytes;
    quarantine_.pop_front();
    ::operator delete(pointer(it->first), kAlignment);
    blocks_.erase(it);
  }
}

void Shadow::check_quarantine() { evict(0); }

std::size_t Shadow::add_stream() {
  streams_.emplace_back();
  return streams_.size() - 1;
}

void Shadow::all_work_ended() {
  for (const VectorClock& clock : streams_) join(host_, clock);
}

bool Shadow::follows(const VectorClock& clock, const Access& access) {
  return access.stream < clock.size() && clock[access.stream] >= access.at;
}

Shadow::Blocks::iterator Shadow::find(const void* begin) {
  auto it = blocks_.upper_bound(address(begin));
  if (it == blocks_.begin()) return blocks_.end();
  --it;
  return address(begin) < it->first + std::max<std::size_t>(it->second.bytes, 1) ? it : blocks_.end();
}

bool Shadow::is_live(const void* begin, MemoryKind kind) const {
  const auto it = const_cast<Shadow*>(this)->find(begin);
  return it != blocks_.end() && it->second.is_live && it->second.kind == kind;
}

void Shadow::work(std::size_t stream, Actor actor, const std::vector<ByteRange>& reads,
                  const std::vector<ByteRange>& writes) {
  VectorClock& clock = streams_[stream];
  join(clock, host_);
  clock.resize(std::max(clock.size(), stream + 1), 0);
  ++clock[stream];
  for (const ByteRange& range : reads) touch(stream, actor, range, false);
  for (const ByteRange& range : writes) touch(stream, actor, range, true);
}

// Memory that is not ours, the host's ordinary memory, is not looked after.
void Shadow::touch(std::size_t stream, Actor actor, ByteRange range, bool writes) {
  const auto it = find(range.begin);
  if (it == blocks_.end()) return;
  const std::size_t offset = address(range.begin) - it->first;
  const Access access{offset, offset + range.bytes, writes, actor, stream, streams_[stream][stream]};
  if (!it->second.is_live)
    report("use-after-free", bytes_text(access.begin, access.end) + " belong to memory that was given back");
  else if (writes)
    write(streams_[stream], access, it->second);
  else
    read(streams_[stream], access, it->second, false);
}

void Shadow::host_reads(ByteRange range) {
  const auto it = find(range.begin);
  if (it == blocks_.end()) return;
  const std::size_t offset = address(range.begin) - it->first;
  const Access access{offset, offset + range.bytes, false, Actor::compute, 0, 0};
  if (!it->second.is_live)
    report("use-after-free", bytes_text(access.begin, access.end) + " belong to memory that was given back");
  else
    read(host_, access, it->second, true);
}

void Shadow::read(const VectorClock& clock, const Access& access, Block& block, bool by_host) {
  for (const Access& other : block.accesses) {
    if (!other.writes || other.end <= access.begin || access.end <= other.begin || follows(clock, other)) continue;
    report(by_host ? "read-before-event" : "missing-wait",
           bytes_text(access.begin, access.end) + " are read by " + (by_host ? "the host" : "a stream") +
               " that does not wait for the event of the copy that writes them");
    break;
  }
  if (block.kind == MemoryKind::device && access.end > block.written)
    report("read-of-poison", bytes_text(access.begin, access.end) + " are read, only the first " +
                                 std::to_string(block.written) + " were ever written");
  if (by_host) return;
  std::erase_if(block.accesses, [&](const Access& old) {  // the newest read of a stream speaks for its older ones
    return !old.writes && old.stream == access.stream && access.begin <= old.begin && old.end <= access.end;
  });
  block.accesses.push_back(access);
}

void Shadow::write(const VectorClock& clock, const Access& access, Block& block) {
  for (const Access& other : block.accesses) {
    if (other.end <= access.begin || access.end <= other.begin || follows(clock, other)) continue;
    report(other.writes ? "overwritten-before-event" : "reused-before-done",
           bytes_text(access.begin, access.end) + " are written while earlier work may still use them");
    break;
  }
  // What this write follows and covers needs no memory of its own: what follows the write follows that too.
  std::erase_if(block.accesses, [&](const Access& old) {
    return access.begin <= old.begin && old.end <= access.end && follows(clock, old);
  });
  block.accesses.push_back(access);
  if (access.begin <= block.written) block.written = std::max(block.written, access.end);
}

}  // namespace millrace::sim
