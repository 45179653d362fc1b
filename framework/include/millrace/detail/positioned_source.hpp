// A source that can begin an epoch anywhere. Of the stages of this build alone; what plugins may use is in stage.hpp.
#pragma once

#include <millrace/stage.hpp>

#include <cstdint>

namespace millrace {

/// Rows and their order are a function of the position in the epoch, so that nothing before it has to be sent.
class MILLRACE_EXPORT PositionedSource : public Source {
 public:
  /// An epoch begins with its row `row`, of those that this process sends: what comes is what would have come behind that row, but for where
  /// it is cut into blocks. There is such a row, or the epoch has none and `row` is 0.
  virtual void begin_epoch_at(std::uint32_t epoch, std::int64_t row) = 0;
  void begin_epoch(std::uint32_t epoch) final { begin_epoch_at(epoch, 0); }
};

}  // namespace millrace
