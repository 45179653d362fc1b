// Makes every class id a row of zeros with a one at its place. The ids themselves flow on; nothing is written out.
//
//   in:      u8, i8, i16 or i32 [n]
//   out:     f32 [n, classes]
//   example: train_targets: {stage: one_hot, in: train.labels, with: {classes: 10}}
#include "idx/labels.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace millrace::stages {
namespace {

constexpr std::int64_t kMaxClasses = 1 << 24;
constexpr std::size_t kMostShown = 20;  ///< names in a message

class OneHot final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Makes every class id a row of zeros with a one at its place.")
        .input("in",
               TensorType::of({DType::u8, DType::i8, DType::i16, DType::i32})
                   .one_value()
                   .below("classes")
                   .hint("connect class ids: labels of a data set, or a table's column with `dtypes: {NAME: i32}`"))
        .output("out", TensorType::of({DType::f32}).vector().within(0, 1).description("`classes` columns"))
        .param(
            Param("classes",
                  T::any_of({T::integer().at_least(1).at_most(kMaxClasses), T::list(T::text()).length(1, kMaxClasses)}),
                  "how many classes there are, or their names in the order of the columns"))
        .param(Param("dtype", T::choice({"f32"}), "type of the zeros and ones").or_default("f32"))
        .example("train_targets: {stage: one_hot, in: train.labels, with: {classes: 10}}");
  }
  explicit OneHot(const ParamValue& params) {
    const ParamValue& classes = params["classes"];
    if (classes.is_list()) {
      std::vector<std::string> names;
      for (const ParamValue& name : classes.list()) names.push_back(name.text());
      names_ = std::move(names);
    }
    classes_ = classes.is_list() ? static_cast<std::int64_t>(names_.size()) : classes.integer();
  }

  void infer(InferContext& ctx) override {
    const PortSpec& port = ctx.input("in");
    const TensorSpec& in = port.only();
    if (!names_fit(ctx, in)) return;
    if (columns_.empty() && in.range && !range_fits(ctx, *in.range, port.range_location)) return;
    const ClassNames& names = names_.empty() ? in.class_names : names_;
    TensorSpec out{DType::f32, {classes_}, ValueRange{0, 1}, {}, names};
    out.encoding.kind = EncodingKind::indicator;
    out.encoding.classes = static_cast<std::int32_t>(classes_);
    ctx.output("out", PortSpec::single(std::move(out), port.rows_per_epoch, port.max_rows));
  }

  void process(TransformContext& ctx) const override {
    const Packet& packet = ctx.input();
    const Tensor& labels = packet.tensor();
    const TensorSpec& spec = ctx.output("out").only();
    with_integers(labels.spec().dtype, labels.bytes(), [&](const auto* ids) { require_known(packet, ids); });
    if (columns_.empty() && labels.spec().stored_dtype() == spec.stored_dtype())
      return ctx.emit("out", labels.viewed_as(spec));
    OutTensor out = ctx.allocate(spec, labels.rows());
    with_integers(labels.spec().dtype, labels.bytes(),
                  [&](const auto* ids) { write_columns(ids, labels.rows(), out); });
    ctx.emit("out", std::move(out).freeze());
  }

 private:
  // An id below this is a class of the input.
  std::int64_t known_ids() const { return columns_.empty() ? classes_ : static_cast<std::int64_t>(columns_.size()); }

  bool names_fit(InferContext& ctx, const TensorSpec& in) {
    if (std::unordered_set<std::string_view>(names_.begin(), names_.end()).size() != names_.size()) {
      ctx.error(ErrorSite::param("classes"), "duplicate-class", "a class is named twice", "name every class once");
      return false;
    }
    if (names_.empty() || in.class_names.empty()) return true;
    const std::unordered_set<std::string_view> known(in.class_names.begin(), in.class_names.end());
    for (const std::string& name : names_)
      if (!known.contains(name))
        return unknown_class(
            ctx, fmt::format("the input has no class `{}`; it has: {}", name, some_of(in.class_names.list())));
    std::unordered_map<std::string_view, std::int32_t> columns;
    for (const std::string& name : names_) columns.emplace(name, static_cast<std::int32_t>(columns.size()));
    for (const std::string& name : in.class_names) {
      const auto column = columns.find(name);
      if (column == columns.end())
        return unknown_class(ctx, fmt::format("the input's class `{}` is not among `classes`", name));
      columns_.push_back(column->second);
    }
    return true;
  }

  static std::string some_of(const std::vector<std::string>& names) {
    const std::size_t shown = std::min(names.size(), kMostShown);
    const std::string more = names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : "";
    return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                       more);
  }

  static bool unknown_class(InferContext& ctx, std::string message) {
    ctx.error(ErrorSite::param("classes"), "unknown-class", std::move(message), "name every class of the input once");
    return false;
  }

  bool range_fits(InferContext& ctx, const ValueRange& range, const std::string& range_location) const {
    if (range.lo >= 0 && range.hi < static_cast<double>(classes_)) return true;
    const std::string what =
        range.lo < 0 ? fmt::format("labels start at {}", range.lo) : fmt::format("labels reach {}", range.hi);
    const std::string at = range_location.empty() ? "" : fmt::format(" ({})", range_location);
    ctx.error(
        ErrorSite::param("classes"), "label-out-of-range",
        fmt::format("{}{}, {} 0 to {}", what, at, counted(classes_, "class allows", "classes allow"), classes_ - 1),
        range.lo < 0 ? "number the classes from 0" : fmt::format("at least `classes: {}` is needed", range.hi + 1));
    return false;
  }

  template <class T>
  void require_known(const Packet& packet, const T* ids) const {
    for (std::int64_t row = 0; row < packet.rows; ++row) {
      const auto id = static_cast<std::int64_t>(ids[row]);
      if (id >= 0 && id < known_ids()) continue;
      throw Error(ErrorKind::data, "label-out-of-range",
                  fmt::format("sample {} has label {}, allowed are 0 to {}",
                              packet.sample_ids()[static_cast<std::size_t>(row)], id, known_ids() - 1),
                  "correct the labels, or raise `classes`");
    }
  }

  template <class T>
  void write_columns(const T* ids, std::int64_t rows, OutTensor& out) const {
    const auto column = [&](T id) {
      return columns_.empty() ? static_cast<std::int32_t>(id) : columns_[static_cast<std::size_t>(id)];
    };
    if (out.spec().stored_dtype() == DType::u8)
      std::transform(ids, ids + rows, out.values<std::uint8_t>().begin(),
                     [&](T id) { return static_cast<std::uint8_t>(column(id)); });
    else
      std::transform(ids, ids + rows, out.values<std::int32_t>().begin(), column);
  }

  std::int64_t classes_ = 0;
  ClassNames names_;
  std::vector<std::int32_t> columns_;  ///< column of each class id of the input; empty when they are the same
};

MILLRACE_REGISTER_STAGE("one_hot", OneHot);

}  // namespace
}  // namespace millrace::stages
