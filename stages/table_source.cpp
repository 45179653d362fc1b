// Sends the columns of a small table that is written in the config itself.
//
//   outputs: one a column: f32 [n, 1] or [n, k] from numbers, i32 [n] from texts or where `dtypes` says so
//   example: points: {stage: table_source, with: {columns: {x: [0, 1, 2], y: [10, 20, 25]}}}
#include <millrace/detail/counted.hpp>
#include <millrace/detail/positioned_source.hpp>
#include <millrace/error.hpp>
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace millrace::stages {
namespace {

/// One column in memory.
struct Column {
  std::string name;
  TensorSpec spec;
  std::vector<std::byte> bytes;
  std::vector<std::string> texts = {};                          ///< each once, in order of appearance
  std::unordered_map<std::string_view, std::int32_t> ids = {};  ///< their places in it; the texts belong to the cells
};

/// What is wrong with a column, and where.
struct Fault {
  std::string path, name, message, help = {};
};

template <class T>
void put(Column& column, T value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  column.bytes.insert(column.bytes.end(), bytes, bytes + sizeof(T));
}

void add_text(Column& column, const std::string& text) {
  const auto [id, is_new] = column.ids.try_emplace(text, static_cast<std::int32_t>(column.texts.size()));
  if (is_new) column.texts.push_back(text);
  put(column, id->second);
}

std::string help_for_float32(const Column& column, const ParamValue& number) {
  if (!number.is_integer()) return {};
  const bool fits = number.integer() >= INT32_MIN && number.integer() <= INT32_MAX;
  return fmt::format("{}write {}.0 if it may be rounded",
                     fits ? fmt::format("keep integers by `dtypes: {{{}: i32}}`, or ", column.name) : "",
                     number.integer());
}

std::optional<Fault> add_number(Column& column, const ParamValue& number, const std::string& path, ValueRange& range) {
  const double value = number.number();
  range = {std::min(range.lo, value), std::max(range.hi, value)};
  if (column.spec.dtype == DType::f32) {
    const std::string rounded = ParamType::float32().why_no_float32(number);
    if (!rounded.empty())
      return Fault{path, "out-of-range", fmt::format("{} is {}", number.render(), rounded),
                   help_for_float32(column, number)};
    put(column, static_cast<float>(value));
    return {};
  }
  if (value != std::trunc(value) || value < INT32_MIN || value > INT32_MAX)
    return Fault{path, "dtype-mismatch", fmt::format("{} is no 32-bit integer", value)};
  put(column, static_cast<std::int32_t>(value));
  return {};
}

std::size_t width_of(const ParamValue& cell) { return cell.is_list() ? cell.list().size() : 1; }

std::optional<Fault> add_cell(Column& column, const ParamValue& cell, const std::string& path, ValueRange& range) {
  if (width_of(cell) != static_cast<std::size_t>(elements_of(column.spec.row_shape)))
    return Fault{path, "shape-mismatch",
                 fmt::format("a row of {} in a column of {}", counted(width_of(cell), "value"),
                             elements_of(column.spec.row_shape))};
  const bool texts = !column.texts.empty();
  const std::span<const ParamValue> values = cell.is_list() ? std::span(cell.list()) : std::span(&cell, 1);
  for (const ParamValue& value : values) {
    if (value.is_text() != texts && !(column.bytes.empty() && value.is_text()))
      return Fault{path, "dtype-mismatch", "numbers and texts in one column"};
    if (value.is_text())
      add_text(column, value.text());
    else if (auto fault = add_number(column, value, path, range))
      return fault;
  }
  return {};
}

class TableSource final : public PositionedSource {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    const T cell = T::any_of({T::scalar(), T::list(T::number()).length(1, 1 << 16)});
    spec.summary("Sends the columns of a small table that is written in the config itself.")
        .any_outputs(TensorType::of({DType::f32, DType::i32})
                         .rank(0, 1)
                         .description("f32 [n, values] from numbers, i32 [n] from texts"),
                     "columns")
        .param(Param(
            "columns", T::map(T::list(cell).length(1, 1 << 24)),
            "values by name of the column, which becomes an output; texts become class ids in order of appearance"))
        .param(Param("dtypes", T::map(T::choice({"f32", "i32"})), "type of a column of numbers; f32 when absent")
                   .or_default(ParamValue::Map{}))
        .param(Param("shuffle", T::boolean(), "a new order of the rows in every epoch").or_default(false))
        .param(Param("block_rows", T::integer().at_least(1).at_most(1 << 24), "rows sent at once").or_default(256))
        .shares_rows()
        .example("points: {stage: table_source, with: {columns: {x: [0, 1, 2], y: [10, 20, 25]}}}");
  }
  explicit TableSource(const ParamValue& params)
      : params_(params), shuffle_(params["shuffle"].boolean()), block_rows_(params["block_rows"].integer()) {}

  void infer(InferContext& ctx) override {
    if (shuffle_) ctx.draws("shuffle");
    if (!dtypes_name_columns(ctx)) return;
    for (const auto& [name, values] : params_["columns"].map())
      if (!add_column(ctx, name, values.list())) return;
    if (columns_.empty()) return ctx.error(ErrorSite::param("columns"), "missing-parameter", "the table has no column");
    std::size_t bytes = 0;
    for (const Column& column : columns_) {
      ctx.output(column.name, PortSpec::single(column.spec, rows_, std::min(rows_, block_rows_)));
      bytes += column.bytes.size();
    }
    ctx.uses_memory("table", bytes);
    if (shuffle_) ctx.uses_memory("order of the rows", RowOrder::memory_bytes(rows_));
  }

  void open(OpenContext& ctx) override {
    if (shuffle_) order_.emplace(ctx.random("shuffle"), rows_);
    share_ = ctx.share();
  }

  void begin_epoch_at(std::uint32_t epoch, std::int64_t row) override {
    at_ = row;
    if (order_) order_->begin_epoch(epoch);
  }

  void produce(SourceContext& ctx) override {
    const std::int64_t mine = share_.rows_of_epoch(rows_), rows = std::min(block_rows_, mine - at_);
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows));
    for (std::size_t i = 0; i < ids->size(); ++i) {
      const std::int64_t position = share_.position(at_ + static_cast<std::int64_t>(i), rows_);
      (*ids)[i] = static_cast<std::uint64_t>(order_ ? order_->row(position) : position);
    }
    for (const Column& column : columns_)
      ctx.emit(column.name,
               OutputPacket::tensor(gather(ctx, column, *ids), ids,
                                    static_cast<std::uint64_t>(share_.position(at_, rows_)), at_ + rows == mine));
    at_ += rows;
  }

 private:
  bool dtypes_name_columns(InferContext& ctx) const {
    for (const auto& [name, dtype] : params_["dtypes"].map()) {
      const ParamValue* cells = params_["columns"].find(name);
      if (cells != nullptr && !cells->list().front().is_text()) continue;
      const ErrorSite site = ErrorSite::param("dtypes." + name);
      if (cells == nullptr)
        ctx.error(site, "unknown-column", fmt::format("there is no column `{}`", name));
      else
        ctx.error(site, "dtype-mismatch", fmt::format("column `{}` has texts, which become class ids (i32)", name),
                  "leave its type out, or write numbers without quotes");
      return false;
    }
    return true;
  }

  bool add_column(InferContext& ctx, const std::string& name, const ParamValue::List& cells) {
    if (!columns_.empty() && static_cast<std::int64_t>(cells.size()) != rows_) {
      ctx.error(ErrorSite::param("columns." + name), "rows-mismatch",
                fmt::format("column `{}` has {}, `{}` has {}", name, counted(cells.size(), "row"),
                            columns_.front().name, rows_),
                "each column has one value for each row; [..., ...] makes a row of several values");
      return false;
    }
    rows_ = static_cast<std::int64_t>(cells.size());
    Column column = empty_column(name, cells.front());
    ValueRange range{HUGE_VAL, -HUGE_VAL};
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (const auto fault = add_cell(column, cells[i], fmt::format("columns.{}.{}", name, i), range)) {
        ctx.error(ErrorSite::param(fault->path), fault->name, fault->message, fault->help);
        return false;
      }
    column.ids = {};
    const std::size_t classes = column.texts.size();
    column.spec.range = classes > 0 ? ValueRange{0, static_cast<double>(classes) - 1} : range;
    column.spec.class_names = std::move(column.texts);
    columns_.push_back(std::move(column));
    return true;
  }

  // Class ids are scalars, quantities are vectors: what one_hot and a trainer take.
  Column empty_column(const std::string& name, const ParamValue& first) const {
    const ParamValue* dtype = params_["dtypes"].find(name);
    const bool ids = first.is_text() || (dtype != nullptr && dtype->text() == "i32");
    Column column{name, {ids ? DType::i32 : DType::f32, {}, {}, {}, {}}, {}};
    if (first.is_list() || !ids) column.spec.row_shape = {static_cast<std::int64_t>(width_of(first))};
    return column;
  }

  static Tensor gather(SourceContext& ctx, const Column& column, const std::vector<std::uint64_t>& ids) {
    OutTensor out = ctx.allocate(column.spec, static_cast<std::int64_t>(ids.size()));
    const std::size_t row_bytes = column.spec.stored_row_bytes();
    for (std::size_t i = 0; i < ids.size(); ++i)
      std::memcpy(out.bytes() + i * row_bytes, column.bytes.data() + ids[i] * row_bytes, row_bytes);
    return std::move(out).freeze();
  }

  ParamValue params_;
  bool shuffle_;
  std::int64_t block_rows_;
  std::vector<Column> columns_;
  std::int64_t rows_ = 0, at_ = 0;
  RowShare share_;
  std::optional<RowOrder> order_;  ///< when rows are shuffled
};

MILLRACE_REGISTER_STAGE("table_source", TableSource);

}  // namespace
}  // namespace millrace::stages
