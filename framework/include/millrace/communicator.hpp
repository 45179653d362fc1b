// How the processes of one run talk to each other. One process: every call returns at once.
#pragma once

#include <millrace/export.hpp>

#include <memory>
#include <span>

namespace millrace {

/// A group of ranks, of its own for each stage that communicates. One thread at a time.
class MILLRACE_EXPORT Communicator {
 public:
  virtual ~Communicator();
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Replaces `values` by the sum over all ranks, element by element; every rank gets the same bits. Blocks.
  /// Throws Error("peer-lost", stalled).
  virtual void all_reduce_sum(std::span<float> values) = 0;
};

/// The communicator of a process that is alone.
MILLRACE_EXPORT std::unique_ptr<Communicator> make_self_communicator();

}  // namespace millrace
