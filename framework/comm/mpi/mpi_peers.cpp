// Peers over MPI, and the entry of the shared object that holds it.
#include "comm/peers_library.hpp"
#include "mpi_thread.hpp"

#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <span>

namespace millrace::comm {
namespace {

class MpiSum final : public PendingSum {
 public:
  MpiSum(MpiThread& thread, std::shared_ptr<Operation> operation) : thread_(thread), operation_(std::move(operation)) {}
  ~MpiSum() override { thread_.wait_quietly(*operation_); }
  void wait() override { thread_.wait(*operation_); }

 private:
  MpiThread& thread_;
  std::shared_ptr<Operation> operation_;
};

void require_sendable(std::size_t bytes) {
  if (bytes <= INT_MAX) return;
  throw Error(ErrorKind::run, "too-large", "a message between ranks has " + std::to_string(bytes) + " bytes",
              "MPI counts them in 31 bits: make the model smaller, or use more ranks");
}

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(MpiThread& thread, int channel) : thread_(thread), channel_(channel) {}
  int rank() const override { return thread_.rank(); }
  int size() const override { return thread_.size(); }

  std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float> values) override {
    const std::size_t count = ring_scratch(size(), values.size());
    require_sendable(count * sizeof(float));
    std::vector<float> scratch(count);
    const std::span<float> place(scratch);  // moving a vector moves no element
    return std::make_unique<MpiSum>(
        thread_, thread_.post(channel_, "all-reduce", ring_sum(rank(), size(), values, place), std::move(scratch)));
  }

  void exchange(int peer, std::span<const float> mine, std::span<float> theirs) override {
    require_sendable(mine.size_bytes());
    Round round;
    round.to = round.from = peer;
    round.out = std::as_bytes(mine).data();
    round.in = std::as_writable_bytes(theirs).data();
    round.out_bytes = mine.size_bytes();
    round.in_bytes = theirs.size_bytes();
    thread_.wait(*thread_.post(channel_, "exchange", {round}));
  }

  std::vector<std::byte> all_gather(std::span<const std::byte> mine) override {
    std::vector<std::byte> all(mine.size() * static_cast<std::size_t>(size()));
    std::copy(mine.begin(), mine.end(), all.begin() + static_cast<std::ptrdiff_t>(mine.size()) * rank());
    thread_.wait(*thread_.post(channel_, "all-gather", ring_gather(rank(), size(), all, mine.size())));
    return all;
  }

  int requested_stop() const override { return thread_.requested_stop(); }
  void on_stop_agreed(int signal) override { thread_.agree_to_stop(signal); }

 private:
  MpiThread& thread_;
  int channel_;
};

/// Where a rank may run.
struct Place {
  char machine[64] = {};
  cpu_set_t cores{};
};

Place place_of_this_rank() {
  Place place;
  gethostname(place.machine, sizeof place.machine - 1);
  // Fails where there are more than 1,024 CPUs. Then all ranks of a machine share them.
  if (sched_getaffinity(0, sizeof place.cores, &place.cores) != 0) std::memset(&place.cores, 0xff, sizeof place.cores);
  return place;
}

bool share_cores(const Place& a, const Place& b) {
  cpu_set_t both;
  CPU_AND(&both, &a.cores, &b.cores);
  return std::strcmp(a.machine, b.machine) == 0 && CPU_COUNT(&both) > 0;
}

class MpiPeers final : public Peers {
 public:
  MpiPeers(const RankInfo& launched, double timeout_seconds)
      : thread_(timeout_seconds), ranks_(launched), run_(thread_, MpiThread::kStartChannel) {
    if (thread_.size() != launched.size)
      throw Error(ErrorKind::usage, "no-mpi",
                  "the launcher has started " + std::to_string(launched.size) + " processes, MPI finds " +
                      std::to_string(thread_.size()),
                  "use the launcher of the MPI that Millrace was built with: `pipeline-run devices` names it");
    ranks_.rank = thread_.rank();
    find_neighbors();
  }

  const RankInfo& ranks() const override { return ranks_; }
  int cores() const override { return cores_; }

  std::vector<std::string> all_gather(std::string_view mine, const char* what) override {
    constexpr std::size_t kEach = 1000;
    std::vector<char> all(kEach * static_cast<std::size_t>(thread_.size()), '\0');
    mine.copy(all.data() + kEach * static_cast<std::size_t>(thread_.rank()), kEach);
    thread_.wait(
        *thread_.post(MpiThread::kStartChannel, what,
                      ring_gather(thread_.rank(), thread_.size(), std::as_writable_bytes(std::span(all)), kEach)));
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < all.size(); i += kEach)
      texts.emplace_back(all.data() + i, strnlen(all.data() + i, kEach));
    return texts;
  }

  std::unique_ptr<Communicator> communicator(const std::string& node, const std::string& stage) override {
    return std::make_unique<MpiCommunicator>(thread_, thread_.open_channel(node, stage));
  }

  void watch(const std::atomic<int>* stop_signal) override { thread_.watch(stop_signal); }
  const std::atomic<int>& agreed_stop() const override { return thread_.agreed_stop(); }
  void failed(const std::string& what) noexcept override { thread_.fail(what); }
  // After an agreed stop every rank unwinds by itself, and MPI's end waits for all of them.
  void finish() override {
    if (thread_.agreed_stop() == 0) all_gather("", "wait for the end");
  }
  void leave(int exit_code) noexcept override { thread_.leave(exit_code); }

 private:
  // How many ranks share this one's cores; and its machine, where the launcher has not said.
  void find_neighbors() {
    const Place mine = place_of_this_rank();
    const std::vector<std::byte> all = run_.all_gather(std::as_bytes(std::span(&mine, 1)));
    int sharers = 0, neighbors = 0, before = 0;
    for (int rank = 0; rank < thread_.size(); ++rank) {
      Place other;
      std::memcpy(&other, all.data() + static_cast<std::size_t>(rank) * sizeof other, sizeof other);
      sharers += share_cores(mine, other) ? 1 : 0;
      const bool is_near = std::strcmp(mine.machine, other.machine) == 0;
      neighbors += is_near ? 1 : 0;
      before += is_near && rank < ranks_.rank ? 1 : 0;
    }
    cores_ = std::max(1, report_cpu().cores / std::max(1, sharers));
    if (ranks_.local_size > ranks_.local_rank) return;
    ranks_.local_rank = before;
    ranks_.local_size = neighbors;
  }

  MpiThread thread_;
  RankInfo ranks_;
  MpiCommunicator run_;
  int cores_ = 1;
};

Peers* open(const RankInfo& ranks, double timeout_seconds) { return new MpiPeers(ranks, timeout_seconds); }

std::string version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  return std::string(text).substr(0, std::string(text).find(','));
}

constexpr PeersLibrary kLibrary{open, version};

}  // namespace
}  // namespace millrace::comm

extern "C" MILLRACE_EXPORT const millrace::comm::PeersLibrary* millrace_peers_library() {
  return &millrace::comm::kLibrary;
}
