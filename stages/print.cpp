// Writes rows to the standard output, and the weights of a model.
//
//   in:      any record (optional)
//   model:   a model (optional)
//   example: show: {stage: print, in: {in: train_targets}, with: {rows: 4}}
#include <millrace/detail/counted.hpp>
#include <millrace/detail/number_text.hpp>
#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <type_traits>
#include <vector>

namespace millrace::stages {
namespace {

/// The rows of one field that are to be printed.
struct Listing {
  std::string name, text;
};

template <class T>
T shown(T value) {
  if constexpr (std::is_floating_point_v<T>) return without_nan_sign(value);
  return value;
}

template <class T>
std::string row_text(std::span<const T> values) {
  std::vector<T> all(values.size());
  std::transform(values.begin(), values.end(), all.begin(), shown<T>);
  return fmt::format("[{}]", fmt::join(all, ","));
}

template <class T>
void append_row(std::string& rows, std::span<const T> values) {
  if (!rows.empty()) rows += ",";
  rows += row_text(values);
}

template <class T>
void append_rows(std::string& text, std::span<const T> values, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r)
    append_row(text, values.subspan(static_cast<std::size_t>(r * columns), static_cast<std::size_t>(columns)));
}

// What float32 would round is written as it is stored.
void append_rows(std::string& text, const Tensor& part, std::int64_t rows) {
  const std::int64_t columns = elements_of(part.spec().row_shape);
  const bool is_dense = part.spec().encoding.kind == EncodingKind::dense;
  if (is_dense && part.spec().dtype == DType::i32)
    append_rows(text, part.stored<std::int32_t>(), rows, columns);
  else if (is_dense && part.spec().dtype == DType::f64)
    append_rows(text, part.stored<double>(), rows, columns);
  else
    append_rows(text, part.f32(), rows, columns);
}

std::string matrix_text(std::span<const float> values, std::int64_t rows, std::int64_t columns) {
  std::string text;
  append_rows(text, values, rows, columns);
  return fmt::format("[{}]", text);
}

std::string weights_text(const ModelSnapshot& snapshot) {
  std::string text;
  std::size_t index = 0;
  for (const LayerSpec& layer : snapshot.model().layers) {
    if (layer.kind == LayerKind::dense) {
      const auto at = [&](std::int64_t offset, std::int64_t count) {
        return snapshot.weights().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
      };
      text +=
          fmt::format("{}.{}.kernel: {}\n", index, layer.name(),
                      matrix_text(at(layer.kernel_offset, layer.inputs * layer.outputs), layer.inputs, layer.outputs));
      if (layer.use_bias)
        text += fmt::format("{}.{}.bias: {}\n", index, layer.name(), row_text(at(layer.bias_offset, layer.outputs)));
    }
    ++index;
  }
  return text;
}

// The most that a value takes with the comma behind it: a float64 as fmt writes it, and brackets for a row.
constexpr std::size_t kValueChars = 25, kRowChars = 3;
// A text that grows has been moved twice its size; then it stands here, where it is put together, in the history until its
// epoch ends, and as it is shown. With `epochs: all` the text of the next epoch is begun meanwhile.
constexpr std::size_t kCopies = 6, kMoreWithAll = 3;

std::size_t value_chars(const TensorSpec& spec) {
  const Encoding& encoding = spec.encoding;
  if (encoding.kind == EncodingKind::indicator) return 2;
  if (encoding.kind == EncodingKind::dense && spec.dtype == DType::f64) return kValueChars;
  if (encoding.kind == EncodingKind::dense && spec.dtype == DType::u8) return 4;
  return 16;  // -1.17549435e-38, and every int32
}

std::size_t listing_bytes(const PortSpec& port, std::int64_t rows, bool all) {
  std::size_t row = 0;
  for (const PortSpec::FieldSpec& field : port.fields)
    row += static_cast<std::size_t>(elements_of(field.spec.row_shape)) * value_chars(field.spec) + kRowChars;
  return static_cast<std::size_t>(std::max<std::int64_t>(rows, 0)) * row * (all ? kCopies + kMoreWithAll : kCopies);
}

class Print final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Writes rows to the standard output, and the weights of a model.")
        .optional_input("in", RecordType::any())
        .optional_input("model", PortType::model("whose weights are written"))
        .inputs(InputMode::independent)
        .every_rank_alone()
        .param(Param("rows", T::integer().at_least(0).at_most(1 << 24), "the most rows of an epoch to write")
                   .or_default(20))
        .param(Param("epochs", T::choice({"last", "all"}), "which epochs to write").or_default("last"))
        .example("show: {stage: print, in: {in: train_targets}, with: {rows: 4}}");
  }
  explicit Print(const ParamValue& params) : limit_(params["rows"].integer()), all_(params["epochs"].text() == "all") {}

  void infer(InferContext& ctx) override {
    if (ctx.inputs().empty())
      ctx.error(ErrorSite::node(), "missing-input", "print has no input", "connect `in`, `model` or both");
    if (ctx.has_input("in")) plan_listing(ctx, ctx.input("in"));
    if (ctx.has_input("model") && ctx.input("model").model)
      ctx.uses_memory("text of the weights",
                      kCopies * kValueChars * static_cast<std::size_t>(ctx.input("model").model->parameters()));
  }

  void open(OpenContext& ctx) override {
    reporter_ = &ctx.reporter();
    epochs_ = ctx.epochs();
    is_part_ = !ctx.share().is_whole();
  }

  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input(ctx.port());
    if (!all_ && packet.header.epoch != epochs_) return;
    if (packet.model) return reporter_->print(weights_text(*packet.model));
    add_rows(packet);
    if (packet.header.last_in_epoch) write_listings();
  }

 private:
  // Of an epoch whose rows nobody has counted a packet will come; that a file has as many rows as one would like to see is a guess.
  void plan_listing(InferContext& ctx, const PortSpec& port) const {
    const std::int64_t sure = std::min(limit_, port.rows_per_epoch.value_or(port.max_rows));
    ctx.uses_memory("text of the rows", listing_bytes(port, sure, all_));
    if (!port.rows_per_epoch && sure < limit_)
      ctx.may_use_memory("text of the rows", listing_bytes(port, limit_ - sure, all_));
  }

  void add_rows(const Packet& packet) {
    if (listings_.empty())
      for (const Field& field : packet.fields) listings_.push_back({field.name, ""});
    const std::int64_t count = std::clamp<std::int64_t>(limit_ - rows_, 0, packet.rows);
    for (std::size_t i = 0; i < listings_.size(); ++i) {
      const Tensor part = packet.fields[i].tensor.slice(0, count);
      append_rows(listings_[i].text, part, count);
    }
    rows_ += packet.rows;
  }

  void write_listings() {
    std::string text;
    for (const Listing& listing : listings_) {
      if (listing.name != kValueField) text += fmt::format("{}: ", listing.name);
      text += fmt::format("[{}]", listing.text);
      if (rows_ > limit_) text += " and " + counted(rows_ - limit_, "more row");
      if (is_part_) text += " (of the part of one process)";
      text += "\n";
    }
    reporter_->print(text);
    listings_.clear();
    rows_ = 0;
  }

  std::int64_t limit_;
  bool all_;
  RunReporter* reporter_ = nullptr;
  std::uint32_t epochs_ = 0;
  bool is_part_ = false;  ///< this process has a part of the rows, others the rest
  std::vector<Listing> listings_;
  std::int64_t rows_ = 0;  ///< rows of the epoch so far
};

MILLRACE_REGISTER_STAGE("print", Print);

}  // namespace
}  // namespace millrace::stages
