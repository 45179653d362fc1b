// One stage's collectives in order, one round of messages after the other, without ever blocking.
#pragma once

#include "rounds.hpp"

#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace millrace::comm {

using Clock = std::chrono::steady_clock;

/// A collective under way. Owned by the thread that waits for it; the MPI thread works on it until it is over.
struct Operation {
  const char* what = "";  ///< "all-reduce"
  std::vector<Round> rounds;
  std::vector<float> scratch;
  bool duplicates = false;  ///< instead of rounds: duplicates the channel's communicator
  MPI_Comm duplicate = MPI_COMM_NULL;
  std::string node, stage;  ///< whose it is, or for whom a communicator is duplicated
  std::uint64_t index = 0;  ///< counts the collectives of its channel, from 1

  // Of the MPI thread.
  std::size_t round = 0;
  MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
  bool started = false;
  Clock::time_point began;

  // Under the thread's lock.
  bool over = false;
  enum class End : std::uint8_t { done, canceled } end = End::done;
};

/// The MPI thread only.
class MpiChannel {
 public:
  MpiChannel(MPI_Comm communicator, std::string node, std::string stage);

  void add(std::shared_ptr<Operation> operation);
  /// Goes on as far as messages have come. The operation that is thereby over, or null.
  std::shared_ptr<Operation> progress();
  /// Ends everything under way so that no message can touch its buffers any more; waits for that at most 200 ms. Returns
  /// what was under way.
  std::vector<std::shared_ptr<Operation>> give_up();
  /// Receives and drops what others sent to collectives that this rank has given up.
  void drain();

  const Operation* front() const { return operations_.empty() ? nullptr : operations_.front().get(); }
  std::uint64_t entered() const { return entered_; }
  /// "all-reduce 37 of node `learn` (stage trainer)"
  std::string name_of(const Operation& operation) const;
  MPI_Comm communicator() const { return communicator_; }

 private:
  struct Dropped {
    std::vector<std::byte> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  void start_round(Operation& operation) const;

  MPI_Comm communicator_;
  std::string node_, stage_;
  std::deque<std::shared_ptr<Operation>> operations_;
  std::uint64_t entered_ = 0;
  std::deque<Dropped> dropped_;
};

}  // namespace millrace::comm
