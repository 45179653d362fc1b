// The blocks of an epoch: which rows of a table are sent together, in the order of the epoch.
#pragma once

#include "row_choice.hpp"

#include <millrace/detail/row_share.hpp>
#include <millrace/packet.hpp>
#include <millrace/random.hpp>
#include <millrace/stage.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::stages {

class RowBlocks {
 public:
  /// For the rows of `choice`; those of this process where several share them.
  RowBlocks(const RowChoice& choice, OpenContext& ctx);

  /// `row`: of those of this process, the first that comes.
  void begin_epoch(std::uint32_t epoch, std::int64_t row = 0);

  struct Block {
    SampleIds ids;               ///< rows of the file
    std::uint64_t position = 0;  ///< of its first row in the epoch, over all processes
    bool is_last = false;
  };
  Block next();

  /// Copies the rows from a table of those that were chosen.
  void gather(const std::byte* table, std::size_t row_bytes, const std::vector<std::uint64_t>& ids,
              std::byte* to) const;

 private:
  std::int64_t first_, count_, block_rows_;
  std::optional<RowOrder> order_;  ///< when rows are shuffled
  RowShare share_;
  std::int64_t rows_;    ///< that this process sends in an epoch
  std::int64_t at_ = 0;  ///< of those, that have been sent
};

}  // namespace millrace::stages
