// What a tensor knows of the table whose rows it shows, without knowing tables: those are made of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace millrace {

class Allocator;
class ResidentTable;

/// Rows of a table by their numbers. All views of a tensor share it; any thread.
class TableRows {
 public:
  using Numbers = std::shared_ptr<const std::vector<std::uint32_t>>;

  virtual ~TableRows() = default;
  TableRows(const TableRows&) = delete;
  TableRows& operator=(const TableRows&) = delete;
  /// The rows one behind the other, brought together on the host by the first call. Throws Error("out-of-memory", run).
  virtual const std::byte* bytes() const = 0;

  const std::shared_ptr<const ResidentTable>& table() const { return table_; }
  const Numbers& numbers() const { return numbers_; }
  /// Where rows of the table are copied to that are read on the host.
  Allocator& memory() const { return *memory_; }

 protected:
  TableRows(std::shared_ptr<const ResidentTable> table, Numbers numbers, Allocator& memory)
      : table_(std::move(table)), numbers_(std::move(numbers)), memory_(&memory) {}

 private:
  std::shared_ptr<const ResidentTable> table_;
  Numbers numbers_;
  Allocator* memory_;
};

}  // namespace millrace
