// Reads images and labels from IDX files and sends them in blocks, each epoch from its beginning.
//
//   images:  any [n, ...], as in the file
//   labels:  any [n, ...], as in the file
//   example: train: {stage: idx_loader, with: {dataset: mnist, split: train, shuffle: true}}
#include "device/device_cache.hpp"
#include "idx/dataset_file.hpp"
#include "idx/idx_choice.hpp"
#include "idx/idx_file.hpp"
#include "idx/idx_inference.hpp"
#include "params/about_param.hpp"
#include "rows/row_blocks.hpp"
#include "rows/row_choice.hpp"
#include "rows/row_file.hpp"

#include <millrace/dataset.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/detail/positioned_source.hpp>
#include <millrace/error.hpp>
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::stages {
namespace {

constexpr const char* kCacheElsewhere =
    "a stage in a process of its own cannot keep rows in the memory of the run's device";
constexpr const char* kCacheElsewhereHelp = "leave out `cache: device`, or set `isolate: none`";

std::string text_or_empty(const ParamValue& value) { return value.is_null() ? "" : value.text(); }

class IdxLoader final : public PositionedSource {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Reads images and labels from IDX files, raw or gzip, and sends them in blocks.")
        .output("images", TensorType::any().description("as in the file; bytes are 0 to 255"))
        .output("labels", TensorType::any().description(
                              "as in the file, with the range that they have; [n, 0] when there are none"))
        .param(Param("dataset", T::choice(dataset_names()), "data set by name; its files are looked for and verified")
                   .optional())
        .param(Param("split", T::choice({"train", "test"}), "split of the named data set").optional())
        .param(Param("images", T::text(), "path of the images, instead of a data set").optional())
        .param(Param("labels", T::text(), "path of the labels that belong to the images").optional());
    add_row_params(spec);
    spec.param(
            Param("cache", T::choice({"none", "device"}),
                  "device: the rows stay in the device's memory, and what flows to it are their numbers; they must fit "
                  "there. On the CPU the rows are in its memory anyway, and nothing changes.")
                .or_default("none"))
        .shares_rows()
        .example("train: {stage: idx_loader, with: {dataset: mnist, split: train, shuffle: true}}");
  }

  explicit IdxLoader(const ParamValue& params) : rows_(params), caches_(params["cache"].text() == "device") {
    const ParamValue& dataset = params["dataset"];
    if (!dataset.is_null()) choice_.dataset = find_dataset(dataset.text());
    choice_.split = text_or_empty(params["split"]);
    choice_.images = text_or_empty(params["images"]);
    choice_.labels = text_or_empty(params["labels"]);
  }

  void infer(InferContext& ctx) override {
    if (rows_.shuffles) ctx.draws("shuffle");
    if (!choice_is_complete(ctx) || !cache_can_be_reached(ctx)) return;
    auto [images, labels, rows] = types_of(choice_, rows_.max_bytes);
    file_rows_ = rows;
    if (!rows_.fits(rows, ctx) || !is_small_enough(ctx)) return;
    const std::int64_t count = rows_.count, most = std::min(count, rows_.block_rows);
    ctx.reads_rows(origin(), rows_.first, rows_.first + count);
    std::string range_location;
    if (choice_.dataset == nullptr)
      labels.range = label_range(choice_, rows_.max_bytes, {rows_.first, count}, range_location);
    tell_files(ctx);
    ctx.uses_memory("data set", data_bytes(count, images) + data_bytes(count, labels));
    if (rows_.shuffles) ctx.uses_memory("order of the rows", RowOrder::memory_bytes(count));
    caches_ = caches_ && ctx.device().kind != "cpu";
    if (caches_ && !cache_is_possible(ctx, images, labels)) return;
    ctx.output("images", PortSpec::single(std::move(images), count, most));
    PortSpec port = PortSpec::single(std::move(labels), count, most);
    port.range_location = std::move(range_location);
    ctx.output("labels", std::move(port));
  }

  void open(OpenContext& ctx) override {
    for (Table* table : {&images_, &labels_}) open_table(*table, ctx.output(table->part).only());
    if (caches_) open_cache(ctx);
    blocks_.emplace(rows_, ctx);
  }

  void begin_epoch_at(std::uint32_t epoch, std::int64_t row) override { blocks_->begin_epoch(epoch, row); }

  void produce(SourceContext& ctx) override {
    const RowBlocks::Block block = blocks_->next();
    const RowNumbers numbers = cache_ ? cached_rows(ctx, *block.ids) : nullptr;
    for (Table* table : {&images_, &labels_})
      ctx.emit(table->part, OutputPacket::tensor(rows_of(ctx, *table, *block.ids, numbers), block.ids, block.position,
                                                 block.is_last));
  }

  void close() noexcept override {
    cache_.reset();
    for (Table* table : {&images_, &labels_}) *table = {table->part, {}};
  }

 private:
  /// The rows of an output; nothing where there are none.
  struct Table {
    const char* part;
    IdxData data = {};
  };

  bool choice_is_complete(InferContext& ctx) const {
    const bool by_name = choice_.dataset != nullptr, by_path = !choice_.images.empty();
    const std::string help = "give either `dataset` and `split`, or `images` and, if there are any, `labels`";
    if (by_name && (by_path || !choice_.labels.empty()))
      ctx.error(ErrorSite::param(by_path ? "images" : "labels"), "conflicting-parameters",
                "a data set by name has its own files", help);
    else if (by_name && choice_.split.empty())
      ctx.error(ErrorSite::node(), "missing-parameter", "`dataset` needs `split`: train or test", help);
    else if (!by_name && !by_path)
      ctx.error(ErrorSite::node(), "missing-parameter", "idx_loader has neither `dataset` nor `images`", help);
    else if (!by_name && !choice_.split.empty())
      ctx.error(ErrorSite::param("split"), "conflicting-parameters", "`split` belongs to a data set by name", help);
    else
      return true;
    return false;
  }

  /// The images, however they are named: two nodes that send some of the same rows are told of it.
  std::string origin() const {
    if (choice_.dataset != nullptr) return fmt::format("data set `{}`, split {}", choice_.dataset->name, choice_.split);
    std::error_code unresolved;  // as written, then
    const std::filesystem::path path = std::filesystem::weakly_canonical(choice_.images, unresolved);
    return unresolved ? choice_.images : path.string();
  }

  // On a CPU it would run, but a config shall not be right on one machine and wrong on the next.
  bool cache_can_be_reached(InferContext& ctx) const {
    if (!caches_ || !ctx.is_isolated()) return true;
    ctx.error(ErrorSite::param("cache"), "conflicting-parameters", kCacheElsewhere, kCacheElsewhereHelp);
    return false;
  }

  void tell_files(InferContext& ctx) const {
    for (const char* role : {"images", "labels"})
      if (choice_.dataset != nullptr) ctx.reads_file(file_of(choice_, role).stem, file_of(choice_, role).sha256);
    if (!choice_.images.empty()) ctx.reads_file(choice_.images);
    if (!choice_.labels.empty()) ctx.reads_file(choice_.labels);
  }

  // Files tell their size themselves.
  bool is_small_enough(InferContext& ctx) const {
    if (choice_.dataset == nullptr) return true;
    for (const char* role : {"images", "labels"})
      if (const DatasetFile& file = file_of(choice_, role); file.bytes > rows_.max_bytes) {
        ctx.error(ErrorSite::param("max_bytes"), "idx-limit",
                  fmt::format("{} of `{}` has {} bytes, the limit is {}", file.stem, choice_.dataset->name, file.bytes,
                              rows_.max_bytes),
                  "raise `max_bytes` or leave it out");
        return false;
      }
    return true;
  }

  bool cache_is_possible(InferContext& ctx, const TensorSpec& images, const TensorSpec& labels) const {
    ctx.uses_memory("data set on the device", data_bytes(rows_.count, images) + data_bytes(rows_.count, labels));
    if (rows_.count <= UINT32_MAX) return true;
    ctx.error(ErrorSite::param("cache"), "row-range",
              fmt::format("{} rows are too many to keep on the device", rows_.count),
              "leave out `cache`, or use `rows` to take fewer");
    return false;
  }

  const std::string& path_of(const Table& table) const { return &table == &images_ ? choice_.images : choice_.labels; }

  void open_table(Table& table, const TensorSpec& promised) const {
    const std::string path = path_of(table);
    if (choice_.dataset == nullptr && path.empty()) return;
    const IdxRows wanted{rows_.first, rows_.count};
    table.data = choice_.dataset == nullptr
                     ? read_idx_file(path, rows_.max_bytes, wanted)
                     : about("dataset", [&] { return load_by_name(choice_, table.part, wanted); });
    require_as_checked(path, spec_of(table.data.header), table.data.header.rows, promised, file_rows_);
  }

  void open_cache(OpenContext& ctx) {
    if (ctx.device().is_host())  // not the run's device, for which infer has looked
      throw Error(ErrorKind::config, "conflicting-parameters", kCacheElsewhere, kCacheElsewhereHelp)
          .about_param("cache");
    cache_.emplace(ctx.device());
    for (const Table* table : {&images_, &labels_}) {
      const TensorSpec& spec = ctx.output(table->part).only();
      if (!table->data.payload || spec.stored_row_bytes() == 0) continue;
      cache_->add(table->part, Tensor(spec, rows_.count, table->data.payload, nullptr));
    }
  }

  static std::size_t data_bytes(std::int64_t rows, const TensorSpec& spec) {
    return checked_multiply(static_cast<std::uint64_t>(rows), spec.stored_row_bytes());
  }

  /// Where the samples are in the tables on the device.
  RowNumbers cached_rows(SourceContext& ctx, const std::vector<std::uint64_t>& ids) {
    cache_->upload(ctx);
    auto numbers = std::make_shared<std::vector<std::uint32_t>>(ids.size());
    std::transform(ids.begin(), ids.end(), numbers->begin(), [&](std::uint64_t id) {
      return static_cast<std::uint32_t>(id - static_cast<std::uint64_t>(rows_.first));
    });
    return numbers;
  }

  Tensor rows_of(SourceContext& ctx, const Table& table, const std::vector<std::uint64_t>& ids,
                 const RowNumbers& numbers) const {
    Tensor cached = cache_ ? cache_->rows(table.part, ctx.output(table.part).only(), numbers) : Tensor();
    return cached ? cached : gather(ctx, table, ids);
  }

  Tensor gather(SourceContext& ctx, const Table& table, const std::vector<std::uint64_t>& ids) const {
    const TensorSpec& spec = ctx.output(table.part).only();
    OutTensor out = ctx.allocate(spec, static_cast<std::int64_t>(ids.size()));
    if (table.data.payload) blocks_->gather(table.data.payload.get(), spec.stored_row_bytes(), ids, out.bytes());
    return std::move(out).freeze();
  }

  RowChoice rows_;
  bool caches_;  ///< once inferred: on a device with memory of its own
  IdxChoice choice_;
  std::int64_t file_rows_ = 0;  ///< rows of the whole file, as infer found it
  Table images_{"images"}, labels_{"labels"};
  std::optional<DeviceCache> cache_;
  std::optional<RowBlocks> blocks_;
};

MILLRACE_REGISTER_STAGE("idx_loader", IdxLoader);

}  // namespace
}  // namespace millrace::stages
