// Reads rows, and what belongs to them, from NumPy files and sends them in blocks, each epoch from its beginning.
//
//   inputs:  any [n, ...], as in the file
//   targets: any [n, ...], as in the file
//   example: train: {stage: npy_loader, with: {inputs: x.npy, targets: y.npy, shuffle: true}}
#include "npy/npy_rows.hpp"
#include "params/about_param.hpp"
#include "rows/row_blocks.hpp"
#include "rows/row_choice.hpp"
#include "rows/row_file.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/detail/positioned_source.hpp>
#include <millrace/error.hpp>
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace millrace::stages {
namespace {

class NpyLoader final : public PositionedSource {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Reads rows from NumPy files, raw or gzip, and sends them in blocks.")
        .output("inputs", TensorType::any().description("as in the file; integers of 64 bits become i32"))
        .output("targets", TensorType::any().description("the same of the second file; [n, 0] when there is none"))
        .param(Param("inputs", T::text(), "path of an array, whose first dimension counts the rows"))
        .param(Param("targets", T::text(), "path of the array that belongs to it, with as many rows").optional());
    add_row_params(spec);
    spec.shares_rows().example("train: {stage: npy_loader, with: {inputs: x.npy, targets: y.npy, shuffle: true}}");
  }

  explicit NpyLoader(const ParamValue& params) : rows_(params) {
    tables_[0].path = params["inputs"].text();
    if (!params["targets"].is_null()) tables_[1].path = params["targets"].text();
  }

  void infer(InferContext& ctx) override {
    if (rows_.shuffles) ctx.draws("shuffle");
    for (Table& table : tables_) look_at(table);
    if (tables_[1].is_there()) require_equal_counts();
    if (!rows_.fits(tables_[0].rows, ctx)) return;
    ctx.reads_rows(origin(), rows_.first, rows_.first + rows_.count);
    if (rows_.shuffles) ctx.uses_memory("order of the rows", RowOrder::memory_bytes(rows_.count));
    for (const Table& table : tables_) tell(ctx, table);
  }

  void open(OpenContext& ctx) override {
    for (Table& table : tables_)
      if (table.is_there()) open_table(table);
    blocks_.emplace(rows_, ctx);
  }

  void begin_epoch_at(std::uint32_t epoch, std::int64_t row) override { blocks_->begin_epoch(epoch, row); }

  void produce(SourceContext& ctx) override {
    const RowBlocks::Block block = blocks_->next();
    for (const Table& table : tables_)
      ctx.emit(table.name,
               OutputPacket::tensor(gather(ctx, table, *block.ids), block.ids, block.position, block.is_last));
  }

  void close() noexcept override {
    for (Table& table : tables_) table.kept.reset();
  }

 private:
  /// A file, under the name of its output and its parameter.
  struct Table {
    const char* name;
    std::string path = {};                           ///< empty: there is none
    TensorSpec spec = {DType::u8, {0}, {}, {}, {}};  ///< as infer found it
    std::int64_t rows = 0;
    std::shared_ptr<const std::byte> kept = {};

    bool is_there() const { return !path.empty(); }
  };

  void look_at(Table& table) const {
    if (!table.is_there()) return;
    const auto file = about(table.name, [&] { return open_npy_rows(table.path, rows_.max_bytes); });
    table.spec = file->spec();
    table.rows = file->rows();
  }

  void require_equal_counts() const {
    if (tables_[0].rows == tables_[1].rows) return;
    Error error(ErrorKind::data, "rows-mismatch",
                fmt::format("{} has {}, {} has {}", tables_[0].path, counted(tables_[0].rows, "row"), tables_[1].path,
                            tables_[1].rows),
                "both must be of the same rows of the same data set");
    throw error.about_param(tables_[1].name);
  }

  /// The inputs, however they are named: two nodes that send some of the same rows are told of it.
  std::string origin() const {
    std::error_code unresolved;  // as written, then
    const std::filesystem::path path = std::filesystem::weakly_canonical(tables_[0].path, unresolved);
    return unresolved ? tables_[0].path : path.string();
  }

  void tell(InferContext& ctx, const Table& table) const {
    ctx.output(table.name, PortSpec::single(table.spec, rows_.count, std::min(rows_.count, rows_.block_rows)));
    if (!table.is_there()) return;
    ctx.reads_file(table.path);
    ctx.uses_memory("data set",
                    checked_multiply(static_cast<std::uint64_t>(rows_.count), table.spec.stored_row_bytes()));
  }

  void open_table(Table& table) const {
    const std::unique_ptr<RowFile> file = open_npy_rows(table.path, rows_.max_bytes);
    require_as_checked(table.path, file->spec(), file->rows(), table.spec, table.rows);
    table.kept = read_rows(*file, table.path, rows_.first, rows_.count);
  }

  Tensor gather(SourceContext& ctx, const Table& table, const std::vector<std::uint64_t>& ids) const {
    const TensorSpec& spec = ctx.output(table.name).only();
    OutTensor out = ctx.allocate(spec, static_cast<std::int64_t>(ids.size()));
    if (table.kept) blocks_->gather(table.kept.get(), spec.stored_row_bytes(), ids, out.bytes());
    return std::move(out).freeze();
  }

  RowChoice rows_;
  std::array<Table, 2> tables_{Table{"inputs"}, Table{"targets"}};
  std::optional<RowBlocks> blocks_;
};

MILLRACE_REGISTER_STAGE("npy_loader", NpyLoader);

}  // namespace
}  // namespace millrace::stages
