// A stream whose device can bring rows of a table together: what is behind Stream::gather().
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/device.hpp>

#include <span>

namespace millrace {

/// Beside Stream, as a second base.
class MILLRACE_EXPORT RowGatherer {
 public:
  virtual ~RowGatherer();
  virtual void gather_rows(std::span<const RowGather> gathers) = 0;
};

}  // namespace millrace
