// A table that stays on the device, and tensors that show rows of it. Who reads such a tensor on the host gathers its rows there, under
// std::call_once.
#include "device/table_rows.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/resident_table.hpp>

#include <fmt/format.h>

#include <mutex>
#include <utility>

namespace millrace {
namespace {

class GatheredRows final : public TableRows {
 public:
  GatheredRows(const std::shared_ptr<const ResidentTable>& table, RowNumbers numbers)
      : TableRows(table, std::move(numbers), table->memory()) {}
  const std::byte* bytes() const override {
    std::call_once(once_, [this] {
      const ResidentTable& from = *table();
      bytes_ = memory().allocate(numbers()->size() * from.row_bytes());
      const auto count = static_cast<std::int64_t>(numbers()->size());
      gather_on_host({bytes_.get(), from.on_host().bytes(), from.rows(), from.row_bytes(), numbers()->data(), count});
    });
    return bytes_.get();
  }

 private:
  mutable std::once_flag once_;
  mutable std::shared_ptr<std::byte> bytes_;
};

std::shared_ptr<const TableRows> checked_rows(const TensorSpec& spec, const std::shared_ptr<const ResidentTable>& table,
                                              RowNumbers numbers) {
  if (spec.stored_row_bytes() != table->row_bytes())
    throw Error(ErrorKind::run, "shape-mismatch",
                fmt::format("cannot view {} as {}", table->on_host().spec().describe(), spec.describe()));
  for (const std::uint32_t number : *numbers)
    if (number >= table->rows())
      throw Error(ErrorKind::run, "rows-mismatch", fmt::format("row {} of {}", number, counted(table->rows(), "row")));
  return std::make_shared<const GatheredRows>(table, std::move(numbers));
}

}  // namespace

ResidentTable::ResidentTable(Tensor on_host, Tensor on_device, Allocator& memory)
    : on_host_(std::move(on_host)), on_device_(std::move(on_device)), memory_(&memory) {
  if (on_host_.rows() != on_device_.rows() || row_bytes() != on_device_.spec().stored_row_bytes())
    throw Error(
        ErrorKind::run, "shape-mismatch",
        fmt::format("{} of {} on the host, {} of {} on the device", counted(on_host_.rows(), "row"),
                    on_host_.spec().describe(), counted(on_device_.rows(), "row"), on_device_.spec().describe()));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the header promises values
Tensor::Tensor(TensorSpec spec, std::shared_ptr<const ResidentTable> table, RowNumbers numbers)
    : Tensor(checked_rows(spec, table, std::move(numbers)), std::move(spec)) {}

}  // namespace millrace
