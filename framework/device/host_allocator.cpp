// Host memory with an account. What is given back is kept for the next request of its size class: fresh pages from the
// system cost more than the copy that fills them. What is kept and what is live never exceed the most that was live: where
// sizes change, blocks of other classes go back to the system first.
#include <millrace/detail/counted.hpp>
#include <millrace/detail/host_allocator.hpp>
#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace millrace {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kClassesPerPower = 8;  // at most 12.5 % of a request is slack
// No host has more than this; a larger request is a size that went wrong, and rounding it up could overflow.
constexpr std::size_t kLargestBlock = std::size_t{1} << 40;

// AddressSanitizer sees a use of a block after it came back only when the block really goes back to the system.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsBlocks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kKeepsBlocks = false;
#else
constexpr bool kKeepsBlocks = true;
#endif
#else
constexpr bool kKeepsBlocks = true;
#endif

// Classes are a fixed part of a power of two apart, and an alignment at least.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= kClassesPerPower * kAlignment)
    return (bytes + kAlignment - 1) / kAlignment * kAlignment + (bytes == 0 ? kAlignment : 0);
  if (bytes >= kLargestBlock) return kLargestBlock;
  const std::size_t step = std::max(kAlignment, std::bit_floor(bytes - 1) / kClassesPerPower);
  return (bytes + step - 1) / step * step;
}

// Shared by the allocator and by every block it handed out, so a block may outlive the allocator without harm.
class Pool {
 public:
  ~Pool() {
    for (const auto& [size, blocks] : free_)
      for (void* block : blocks) std::free(block);
  }

  std::byte* take(std::size_t bytes, std::size_t size) {
    const std::lock_guard lock(mutex_);
    void* block = take_kept(size);
    if (block == nullptr && size < kLargestBlock) block = take_fresh(size);
    if (block == nullptr)
      throw Error(
          ErrorKind::run, "out-of-memory", fmt::format("cannot allocate {} of host memory", counted(bytes, "byte")),
          "smaller batches, blocks or layers need less, and so do fewer rows of a data set; `pipeline-run plan` "
          "tells what each node takes");
    live_ += size;
    peak_ = std::max(peak_, live_);
    return static_cast<std::byte*>(block);
  }

  void give_back(void* block, std::size_t size) noexcept {
    const std::lock_guard lock(mutex_);
    live_ -= size;
    if (!kKeepsBlocks) return std::free(block);
    try {
      free_[size].push_back(block);
      kept_ += size;
    } catch (...) {  // no memory for the list entry: the system gets the block
      std::free(block);
    }
  }

  std::size_t live() const {
    const std::lock_guard lock(mutex_);
    return live_;
  }
  std::size_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  void* take_kept(std::size_t size) {
    const auto blocks = free_.find(size);
    if (blocks == free_.end() || blocks->second.empty()) return nullptr;
    void* block = blocks->second.back();
    blocks->second.pop_back();
    kept_ -= size;
    return block;
  }

  void* take_fresh(std::size_t size) {
    const std::size_t most = std::max(peak_, live_ + size);
    release_kept_beyond(most - live_ - size);
    void* block = std::aligned_alloc(kAlignment, size);
    if (block != nullptr || kept_ == 0) return block;
    release_kept_beyond(0);
    return std::aligned_alloc(kAlignment, size);
  }

  // The largest first: the fewest calls, and memory that the C library hands on to the system.
  void release_kept_beyond(std::size_t bytes) {
    for (auto blocks = free_.rbegin(); blocks != free_.rend() && kept_ > bytes; ++blocks)
      while (!blocks->second.empty() && kept_ > bytes) {
        std::free(blocks->second.back());
        blocks->second.pop_back();
        kept_ -= blocks->first;
      }
  }

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;  ///< free blocks by size class
  std::size_t live_ = 0, peak_ = 0;
  std::size_t kept_ = 0;  ///< bytes of blocks in free_
};

class HostAllocator final : public Allocator {
 public:
  std::shared_ptr<std::byte> allocate(std::size_t bytes) override {
    const std::size_t size = size_class(bytes);
    std::byte* block = pool_->take(bytes, size);
    return {block, [pool = pool_, size](std::byte* b) { pool->give_back(b, size); }};
  }
  std::size_t live_bytes() const override { return pool_->live(); }
  std::size_t peak_bytes() const override { return pool_->peak(); }

 private:
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>();
};

}  // namespace

Allocator::~Allocator() = default;

std::size_t with_slack(std::size_t bytes, std::size_t blocks) {
  return bytes + bytes / kClassesPerPower + kAlignment * blocks;
}

std::unique_ptr<Allocator> make_host_allocator() { return std::make_unique<HostAllocator>(); }

}  // namespace millrace
