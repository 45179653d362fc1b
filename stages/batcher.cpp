// Cuts blocks into batches of the same number of rows; the last one of an epoch may be shorter.
//
//   in:      any number of tensors, named by the user, with the same rows
//   out:     the same tensors as fields of one record, batch_size rows
//   example: train_batches: {stage: batcher, in: {inputs: train_inputs, targets: train_targets}, with: {batch_size: 32}}
#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/registry.hpp>
#include <millrace/resident_table.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::stages {
namespace {

/// One field of a batch in the making: numbers of rows of a table while all that has come are those, else their bytes.
class PartialField {
 public:
  /// `rows` at most, of which the first come from `first`.
  PartialField(SerialContext& ctx, const TensorSpec& spec, std::int64_t rows, const Tensor& first)
      : most_(rows), table_(first.table()) {
    if (table_) {
      spec_ = spec;
      numbers_.reserve(static_cast<std::size_t>(rows));
    } else {
      bytes_.emplace(ctx.allocate(spec, rows));
    }
  }

  // Stored bytes, whatever they mean: a batch of pixels is a quarter of a batch of floats.
  void append(SerialContext& ctx, const Tensor& from, std::int64_t at, std::int64_t count) {
    if (table_ && from.table() != table_) write_out(ctx);
    const auto first = static_cast<std::size_t>(at), rows = static_cast<std::size_t>(count);
    if (table_) {
      const auto numbers = from.table_rows().subspan(first, rows);
      numbers_.insert(numbers_.end(), numbers.begin(), numbers.end());
    } else {
      const std::size_t row_bytes = from.spec().stored_row_bytes();
      std::memcpy(bytes_->bytes() + filled_, from.bytes() + first * row_bytes, rows * row_bytes);
      filled_ += rows * row_bytes;
    }
  }

  /// Fields of the same rows share one list of them, so that it travels once.
  Tensor finish(std::int64_t rows, std::vector<RowNumbers>& lists) {
    if (!table_) return std::move(*bytes_).freeze(rows);
    const auto same =
        std::find_if(lists.begin(), lists.end(), [&](const RowNumbers& list) { return *list == numbers_; });
    if (same != lists.end()) return {spec_, table_, *same};
    lists.push_back(std::make_shared<const std::vector<std::uint32_t>>(std::move(numbers_)));
    return {spec_, table_, lists.back()};
  }

 private:
  void write_out(SerialContext& ctx) {
    bytes_.emplace(ctx.allocate(spec_, most_));
    const Tensor rows(spec_, std::exchange(table_, nullptr),
                      std::make_shared<const std::vector<std::uint32_t>>(std::move(numbers_)));
    std::memcpy(bytes_->bytes(), rows.bytes(), rows.size_bytes());
    filled_ = rows.size_bytes();
  }

  std::int64_t most_;
  std::shared_ptr<const ResidentTable> table_;
  TensorSpec spec_;  ///< where there is a table
  std::vector<std::uint32_t> numbers_;
  std::optional<OutTensor> bytes_;  ///< instead of `table_`
  std::size_t filled_ = 0;
};

/// Rows that wait for more, to make a whole batch.
struct Partial {
  std::vector<PartialField> fields;
  std::shared_ptr<std::vector<std::uint64_t>> ids;
  std::uint64_t first_row = 0;
  std::int64_t rows = 0;
};

class Batcher final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Cuts blocks into batches of the same number of rows; the last one of an epoch may be shorter.")
        .any_inputs(TensorType::any().description("its name becomes the name of the field"))
        .output("out", RecordType::any().description("a field for each input, at most `batch_size` rows"))
        .param(Param("batch_size", ParamType::integer().at_least(1).at_most(1 << 24),
                     "rows of a batch, over all processes")
                   .in_unit("rows"))
        .cuts_batches("batch_size")
        .example("batches: {stage: batcher, in: {inputs: flat, targets: classes}, with: {batch_size: 32}}");
  }
  explicit Batcher(const ParamValue& params) : batch_size_(params["batch_size"].integer()) {}

  void infer(InferContext& ctx) override {
    names_ = ctx.inputs();
    PortSpec out;
    for (const std::string& name : names_) {
      const PortSpec& port = ctx.input(name);
      if (!rows_agree(ctx, out, name, port)) return;
      out.fields.push_back({name, port.only()});
      if (!out.rows_per_epoch) out.rows_per_epoch = port.rows_per_epoch;
    }
    out.max_rows = out.rows_per_epoch ? std::min(batch_size_, *out.rows_per_epoch) : batch_size_;
    ctx.accumulates(batch_size_);
    ctx.uses_memory("partial batch", bytes_of(out));
    ctx.output("out", std::move(out));
  }

  // A whole block may be passed on as it is only where the batch need not lie in memory of its own kind.
  void open(OpenContext& ctx) override {
    may_pass_through_ = !ctx.feeds_device();
    share_ = ctx.share();
    if (share_.is_whole()) return;
    // The graph's batch_size is that of all ranks; each cuts its own part of it.
    batch_size_ = share_.part_rows(share_.batch_rows);
    epoch_rows_ = ctx.output("out").rows_per_epoch.value();
  }

  void process(SerialContext& ctx) override {
    const Packet& first = ctx.input(names_.front());
    const std::int64_t rows = first.rows;
    const bool last = first.header.last_in_epoch;
    if (share_.is_whole() && may_pass_through_ && !partial_ &&
        (rows == batch_size_ || (last && rows < batch_size_ && rows > 0)))
      return pass_through(ctx);
    for (std::int64_t at = 0; at < rows;) {
      if (!partial_) start(ctx, position(first, at));
      const std::int64_t count = std::min(rows - at, batch_size_ - partial_->rows);
      append(ctx, at, count);
      at += count;
      if (partial_->rows == batch_size_ && !(last && at == rows && !owes_empty_batch())) finish(ctx, false);
    }
    if (!last) return;
    // An epoch that ends with an empty block still has to end downstream.
    if (!partial_) start(ctx, position(first, rows));
    finish(ctx, true);
    done_ = 0;
  }

  void close() noexcept override { partial_.reset(); }

 private:
  static bool rows_agree(InferContext& ctx, const PortSpec& out, const std::string& name, const PortSpec& port) {
    if (!out.rows_per_epoch || !port.rows_per_epoch || *out.rows_per_epoch == *port.rows_per_epoch) return true;
    ctx.error(ErrorSite::input(name), "rows-mismatch",
              fmt::format("`{}` has {} an epoch, `{}` has {}", name, counted(*port.rows_per_epoch, "row"),
                          out.fields.front().name, *out.rows_per_epoch),
              "rows that are batched together must come from the same source");
    return false;
  }

  static std::size_t bytes_of(const PortSpec& out) {
    std::size_t bytes = 0;
    for (const PortSpec::FieldSpec& field : out.fields)
      bytes += checked_multiply(static_cast<std::uint64_t>(out.max_rows), field.spec.stored_row_bytes());
    return bytes;
  }

  /// Position in the epoch of the batch that begins with row `at` of a block.
  std::uint64_t position(const Packet& block, std::int64_t at) const {
    if (share_.is_whole()) return block.header.first_row + static_cast<std::uint64_t>(at);
    return static_cast<std::uint64_t>(done_ * share_.batch_rows +
                                      share_.part_first(share_.rows_of_batch(done_, epoch_rows_)));
  }

  /// A short last batch may have no row for this rank; the rank takes part in it all the same.
  bool owes_empty_batch() const { return !share_.is_whole() && done_ + 1 < share_.batches(epoch_rows_); }

  void pass_through(SerialContext& ctx) const {
    const Packet& first = ctx.input(names_.front());
    OutputPacket batch;
    for (const std::string& name : names_) batch.fields.push_back({name, ctx.input(name).tensor()});
    batch.ids = first.ids;
    batch.first_row = first.header.first_row;
    batch.last_in_epoch = first.header.last_in_epoch;
    ctx.emit("out", std::move(batch));
  }

  void start(SerialContext& ctx, std::uint64_t first_row) {
    partial_.emplace();
    partial_->first_row = first_row;
    partial_->ids = std::make_shared<std::vector<std::uint64_t>>();
    partial_->ids->reserve(static_cast<std::size_t>(ctx.output("out").max_rows));
    const PortSpec& out = ctx.output("out");
    for (std::size_t i = 0; i < names_.size(); ++i)
      partial_->fields.emplace_back(ctx, out.fields[i].spec, out.max_rows, ctx.input(names_[i]).tensor());
  }

  void append(SerialContext& ctx, std::int64_t at, std::int64_t count) {
    if (partial_->rows + count > ctx.output("out").max_rows)
      throw Error(ErrorKind::run, "rows-mismatch", "an epoch has more rows than the stages before have promised",
                  "this is a defect of one of them: its infer says how many rows an epoch has");
    for (std::size_t i = 0; i < names_.size(); ++i)
      partial_->fields[i].append(ctx, ctx.input(names_[i]).tensor(), at, count);
    const auto ids =
        ctx.input(names_.front()).sample_ids().subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count));
    partial_->ids->insert(partial_->ids->end(), ids.begin(), ids.end());
    partial_->rows += count;
  }

  void finish(SerialContext& ctx, bool last) {
    OutputPacket batch;
    std::vector<RowNumbers> lists;
    for (std::size_t i = 0; i < names_.size(); ++i)
      batch.fields.push_back({names_[i], partial_->fields[i].finish(partial_->rows, lists)});
    batch.ids = std::move(partial_->ids);
    batch.first_row = partial_->first_row;
    batch.last_in_epoch = last;
    partial_.reset();
    ++done_;
    ctx.emit("out", std::move(batch));
  }

  std::int64_t batch_size_;  ///< once open: of this rank
  RowShare share_;
  std::int64_t epoch_rows_ = 0, done_ = 0;  ///< rows of an epoch over all ranks, when they are shared; batches sent
  bool may_pass_through_ = true;
  std::vector<std::string> names_;
  std::optional<Partial> partial_;
};

MILLRACE_REGISTER_STAGE("batcher", Batcher);

}  // namespace
}  // namespace millrace::stages
