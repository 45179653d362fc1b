// A table of rows that stays in the device's memory, beside the host's copy of it. A tensor that shows rows of it carries their
// numbers: on the way to the device only those need travel, and Stream::gather brings the rows together there.
//
//   const Tensor batch(spec, table, numbers);   // rows numbers[0], numbers[1], ... of the table
//
// Other readers may still call Tensor::bytes(): a copy of the rows is then made on the host, once for all views of them.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/device.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace {

/// Row numbers of a table, shared by all that shows those rows.
using RowNumbers = std::shared_ptr<const std::vector<std::uint32_t>>;

/// Read-only and shared: it lives as long as the last tensor that shows its rows. Safe from any thread.
class MILLRACE_EXPORT ResidentTable {
 public:
  /// `on_device` holds the stored bytes of `on_host` once its event is done. `memory` is where rows are copied to that are read on
  /// the host, and outlives the table. Throws Error("shape-mismatch", run) where the two do not have the same rows and bytes a row.
  ResidentTable(Tensor on_host, Tensor on_device, Allocator& memory);

  std::int64_t rows() const { return on_host_.rows(); }
  std::size_t row_bytes() const { return on_host_.spec().stored_row_bytes(); }
  const Tensor& on_host() const { return on_host_; }
  const Tensor& on_device() const { return on_device_; }
  Allocator& memory() const { return *memory_; }

 private:
  Tensor on_host_, on_device_;
  Allocator* memory_;
};

}  // namespace millrace
