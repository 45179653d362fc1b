// Keeps the account of the rows that a trainer or an evaluator takes, over the processes of a run and over its interruptions.
#pragma once

#include "run/report/row_account.hpp"

#include <millrace/communicator.hpp>
#include <millrace/packet.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace millrace::pipelines {

/// One thread at a time.
class RowAccountant {
 public:
  /// `communicator`, which outlives this, joins those that have a part of the rows each; null: this process has them all.
  explicit RowAccountant(Communicator* communicator) : communicator_(communicator) {}

  /// Before the node's stage has the packets of a call. With the last ones of an epoch the accounts of all ranks are brought together: each rank makes this
  /// call before its stage makes another one. Throws what Communicator throws.
  void take(std::span<const Packet> packets);
  /// Behind the last packet of an epoch: what was taken of it. Nothing where that is not known.
  std::optional<RowAccount> whole() const;

  /// For a state of the node: what it has taken so far of the epoch, as a text.
  std::string saved() const;
  /// The node goes on from such a state in `epoch`. Of an empty text nobody knows what was taken before.
  void load(const std::string& saved, std::uint32_t epoch);

 private:
  void add_up_ranks();

  Communicator* communicator_;
  RowAccount account_;
  std::uint64_t end_ = 0;         ///< position behind the last row that was taken
  std::uint64_t loaded_end_ = 0;  ///< of `loaded_epoch_`: rows before it are in the account already, and may come again
  std::uint32_t loaded_epoch_ = 0, unknown_epoch_ = 0;
};

}  // namespace millrace::pipelines
