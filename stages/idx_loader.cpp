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

#include <millrace/dataset.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::stages {
namespace {

constexpr const char* kCacheElsewhere =
    "a stage in a process of its own cannot keep rows in the memory of the run's device";
constexpr const char* kCacheElsewhereHelp = "leave out `cache: device`, or set `isolate: none`";

// Shuffled rows lie anywhere, so the processor's own prefetching never gets going. Small but measured: an epoch of
// tools/bench/pipeline.yaml takes about a tenth less in the median of 9 pairs of runs, though single runs overlap.
constexpr std::size_t kRowsAhead = 4;
constexpr std::size_t kCacheLine = 64, kMostPrefetched = 4096;

void prefetch(const std::byte* row, std::size_t bytes) {
  for (std::size_t at = 0; at < std::min(bytes, kMostPrefetched); at += kCacheLine) __builtin_prefetch(row + at);
}

std::string text_or_empty(const ParamValue& value) { return value.is_null() ? "" : value.text(); }

class IdxLoader final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    const T bounds = T::any_of({T::list(T::integer().at_least(0)).length(2, 2),
                                T::record({Param("first", T::integer().at_least(0), "first row, from 0").or_default(0),
                                           Param("count", T::integer().at_least(1), "number of rows")})});
    spec.summary("Reads images and labels from IDX files, raw or gzip, and sends them in blocks.")
        .output("images", TensorType::any().description("as in the file; bytes are 0 to 255"))
        .output("labels", TensorType::any().description(
                              "as in the file, with the range that they have; [n, 0] when there are none"))
        .param(Param("dataset", T::choice(dataset_names()), "data set by name; its files are looked for and verified")
                   .optional())
        .param(Param("split", T::choice({"train", "test"}), "split of the named data set").optional())
        .param(Param("images", T::text(), "path of the images, instead of a data set").optional())
        .param(Param("labels", T::text(), "path of the labels that belong to the images").optional())
        .param(Param("shuffle", T::boolean(), "a new order of the rows in every epoch").or_default(false))
        .param(Param("rows", bounds, "only these rows of the file: [first, count]").optional())
        .param(Param("block_rows", T::integer().at_least(1).at_most(1 << 24), "rows sent at once").or_default(256))
        .param(Param("max_bytes", T::integer().at_least(1), "largest size a file may declare")
                   .or_default(static_cast<std::int64_t>(kDefaultMaxIdxBytes))
                   .in_unit("bytes"))
        .param(
            Param("cache", T::choice({"none", "device"}),
                  "device: the rows stay in the device's memory, and what flows to it are their numbers; they must fit "
                  "there. On the CPU the rows are in its memory anyway, and nothing changes.")
                .or_default("none"))
        .shares_rows()
        .example("train: {stage: idx_loader, with: {dataset: mnist, split: train, shuffle: true}}");
  }

  explicit IdxLoader(const ParamValue& params)
      : shuffle_(params["shuffle"].boolean()),
        block_rows_(params["block_rows"].integer()),
        max_bytes_(static_cast<std::uint64_t>(params["max_bytes"].integer())),
        caches_(params["cache"].text() == "device") {
    const ParamValue& dataset = params["dataset"];
    if (!dataset.is_null()) choice_.dataset = find_dataset(dataset.text());
    choice_.split = text_or_empty(params["split"]);
    choice_.images = text_or_empty(params["images"]);
    choice_.labels = text_or_empty(params["labels"]);
    const ParamValue& rows = params["rows"];
    if (rows.is_null()) return;
    first_ = rows.is_list() ? rows.list()[0].integer() : rows["first"].integer();
    wanted_ = rows.is_list() ? rows.list()[1].integer() : rows["count"].integer();
  }

  void infer(InferContext& ctx) override {
    if (shuffle_) ctx.draws("shuffle");
    if (!choice_is_complete(ctx) || !cache_can_be_reached(ctx)) return;
    auto [images, labels, rows] = types_of(choice_, max_bytes_);
    file_rows_ = rows;
    if (!rows_are_there(ctx, rows) || !is_small_enough(ctx)) return;
    ctx.reads_rows(origin(), first_, first_ + count_);
    std::string range_location;
    if (choice_.dataset == nullptr) labels.range = label_range(choice_, max_bytes_, {first_, count_}, range_location);
    tell_files(ctx);
    ctx.uses_memory("data set", data_bytes(count_, images) + data_bytes(count_, labels));
    if (shuffle_) ctx.uses_memory("order of the rows", RowOrder::memory_bytes(count_));
    caches_ = caches_ && ctx.device().kind != "cpu";
    if (caches_ && !cache_is_possible(ctx, images, labels)) return;
    ctx.output("images", PortSpec::single(std::move(images), count_, std::min(count_, block_rows_)));
    PortSpec port = PortSpec::single(std::move(labels), count_, std::min(count_, block_rows_));
    port.range_location = std::move(range_location);
    ctx.output("labels", std::move(port));
  }

  void open(OpenContext& ctx) override {
    const IdxRows wanted{first_, count_};
    const auto load_named = [&](const char* part) {
      return about("dataset", [&] { return load_by_name(choice_, part, wanted); });
    };
    images_ = choice_.dataset != nullptr ? load_named("images") : read_idx_file(choice_.images, max_bytes_, wanted);
    if (choice_.dataset != nullptr)
      labels_ = load_named("labels");
    else if (!choice_.labels.empty())
      labels_ = read_idx_file(choice_.labels, max_bytes_, wanted);
    require_as_inferred(images_, ctx.output("images").only(), choice_.images);
    if (labels_.payload) require_as_inferred(labels_, ctx.output("labels").only(), choice_.labels);
    if (caches_) open_cache(ctx);
    if (shuffle_) order_.emplace(ctx.random("shuffle"), count_);
    share_ = ctx.share();
    rows_ = share_.rows_of_epoch(count_);
  }

  void begin_epoch(std::uint32_t epoch) override {
    at_ = 0;
    if (order_) order_->begin_epoch(epoch);
  }

  void produce(SourceContext& ctx) override {
    const std::int64_t rows = std::min(block_rows_, rows_ - at_);
    const bool last = at_ + rows == rows_;
    const SampleIds ids = next_ids(rows);
    const auto position = static_cast<std::uint64_t>(share_.position(at_, count_));
    const RowNumbers numbers = cache_ ? cached_rows(ctx, *ids) : nullptr;
    ctx.emit("images", OutputPacket::tensor(rows_of(ctx, "images", images_, *ids, numbers), ids, position, last));
    ctx.emit("labels", OutputPacket::tensor(rows_of(ctx, "labels", labels_, *ids, numbers), ids, position, last));
    at_ += rows;
  }

  void close() noexcept override {
    cache_.reset();
    images_ = labels_ = {};
  }

 private:
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

  bool rows_are_there(InferContext& ctx, std::int64_t rows) {
    count_ = wanted_.value_or(rows - first_);
    if (count_ <= 0 || first_ > rows || count_ > rows - first_) {
      ctx.error(ErrorSite::param("rows"), "row-range",
                fmt::format("{} from row {} of a file with {}", counted(count_, "row"), first_, counted(rows, "row")),
                "`rows: [first, count]` counts from 0");
      return false;
    }
    return true;
  }

  // Files tell their size themselves.
  bool is_small_enough(InferContext& ctx) const {
    if (choice_.dataset == nullptr) return true;
    for (const char* role : {"images", "labels"})
      if (const DatasetFile& file = file_of(choice_, role); file.bytes > max_bytes_) {
        ctx.error(ErrorSite::param("max_bytes"), "idx-limit",
                  fmt::format("{} of `{}` has {} bytes, the limit is {}", file.stem, choice_.dataset->name, file.bytes,
                              max_bytes_),
                  "raise `max_bytes` or leave it out");
        return false;
      }
    return true;
  }

  bool cache_is_possible(InferContext& ctx, const TensorSpec& images, const TensorSpec& labels) const {
    ctx.uses_memory("data set on the device", data_bytes(count_, images) + data_bytes(count_, labels));
    if (count_ <= UINT32_MAX) return true;
    ctx.error(ErrorSite::param("cache"), "row-range", fmt::format("{} rows are too many to keep on the device", count_),
              "leave out `cache`, or use `rows` to take fewer");
    return false;
  }

  void open_cache(OpenContext& ctx) {
    if (ctx.device().is_host())  // not the run's device, for which infer has looked
      throw Error(ErrorKind::config, "conflicting-parameters", kCacheElsewhere, kCacheElsewhereHelp)
          .about_param("cache");
    cache_.emplace(ctx.device());
    for (const auto& [port, data] : {std::pair("images", &images_), std::pair("labels", &labels_)}) {
      const TensorSpec& spec = ctx.output(port).only();
      if (!data->payload || spec.stored_row_bytes() == 0) continue;
      cache_->add(port, Tensor(spec, count_, data->payload, nullptr));
    }
  }

  static std::size_t data_bytes(std::int64_t rows, const TensorSpec& spec) {
    return checked_multiply(static_cast<std::uint64_t>(rows), spec.stored_row_bytes());
  }

  // Between check and run somebody may have replaced the file.
  void require_as_inferred(const IdxData& data, const TensorSpec& promised, const std::string& path) const {
    const TensorSpec found = spec_of(data.header);
    if (found.dtype == promised.dtype && found.row_shape == promised.row_shape && data.header.rows == file_rows_)
      return;
    throw Error(ErrorKind::data, "file-changed",
                fmt::format("{}: now holds {} of {}, it held {} of {} when the config was checked", path,
                            counted(data.header.rows, "row"), found.describe(), counted(file_rows_, "row"),
                            promised.describe()),
                "wait until the file is complete, then run again");
  }

  SampleIds next_ids(std::int64_t rows) const {
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows));
    for (std::size_t i = 0; i < ids->size(); ++i) {
      const std::int64_t position = share_.position(at_ + static_cast<std::int64_t>(i), count_);
      (*ids)[i] = static_cast<std::uint64_t>(first_ + (order_ ? order_->row(position) : position));
    }
    return ids;
  }

  /// Where the samples are in the tables on the device.
  RowNumbers cached_rows(SourceContext& ctx, const std::vector<std::uint64_t>& ids) {
    cache_->upload(ctx);
    auto numbers = std::make_shared<std::vector<std::uint32_t>>(ids.size());
    std::transform(ids.begin(), ids.end(), numbers->begin(), [&](std::uint64_t id) {
      return static_cast<std::uint32_t>(id - static_cast<std::uint64_t>(first_));
    });
    return numbers;
  }

  Tensor rows_of(SourceContext& ctx, std::string_view port, const IdxData& data, const std::vector<std::uint64_t>& ids,
                 const RowNumbers& numbers) const {
    Tensor cached = cache_ ? cache_->rows(port, ctx.output(port).only(), numbers) : Tensor();
    return cached ? cached : gather(ctx, port, data, ids);
  }

  Tensor gather(SourceContext& ctx, std::string_view port, const IdxData& data,
                const std::vector<std::uint64_t>& ids) const {
    const TensorSpec& spec = ctx.output(port).only();
    OutTensor out = ctx.allocate(spec, static_cast<std::int64_t>(ids.size()));
    if (data.payload) copy_rows(data.payload.get(), spec.stored_row_bytes(), ids, out.bytes());
    return std::move(out).freeze();
  }

  void copy_rows(const std::byte* from, std::size_t row_bytes, const std::vector<std::uint64_t>& ids,
                 std::byte* to) const {
    const auto row = [&](std::size_t i) { return from + (ids[i] - static_cast<std::uint64_t>(first_)) * row_bytes; };
    if (!shuffle_ && share_.is_whole()) {
      std::memcpy(to, row(0), ids.size() * row_bytes);
      return;
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i + kRowsAhead < ids.size()) prefetch(row(i + kRowsAhead), row_bytes);
      std::memcpy(to + i * row_bytes, row(i), row_bytes);
    }
  }

  bool shuffle_;
  std::int64_t block_rows_;
  std::uint64_t max_bytes_;
  bool caches_;  ///< once inferred: on a device with memory of its own
  IdxChoice choice_;
  std::int64_t first_ = 0, count_ = 0;
  std::int64_t file_rows_ = 0;  ///< rows of the whole file, as infer found it
  std::optional<std::int64_t> wanted_;
  IdxData images_, labels_;
  std::optional<DeviceCache> cache_;
  std::optional<RowOrder> order_;  ///< when rows are shuffled
  RowShare share_;
  std::int64_t rows_ = 0;  ///< rows that this rank sends in an epoch
  std::int64_t at_ = 0;    ///< rows of this epoch that have been sent
};

MILLRACE_REGISTER_STAGE("idx_loader", IdxLoader);

}  // namespace
}  // namespace millrace::stages
