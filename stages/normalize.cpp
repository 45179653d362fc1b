// Maps every value x to x * scale + offset, or to (x - mean) / std. On bytes it moves no data.
//
//   in:      any [n, ...]
//   out:     f32, same shape
//   example: unit: {stage: normalize, in: train.images, with: {scale: 1/255}}
#include <millrace/detail/number_text.hpp>
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <type_traits>

namespace millrace::stages {
namespace {

// The formula of float32 and smaller values: two roundings, no contraction, as a decoder of affine bytes has it.
float mapped(float x, float scale, float offset) {
  const float product = x * scale;
  return product + offset;
}

// Bytes around a mean among them lose little as x * (1 / std) - mean / std: four roundings by 2^-24 of what they spread over,
// 256 / std. Around a mean far away they would be roundings of the mean.
bool is_near_bytes(double mean) { return mean >= -256 && mean <= 512; }

bool lies_in_unit_range(const ValueRange& range) { return range.lo >= -1 && range.hi <= 1; }

class Normalize final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Maps every value x to x * scale + offset, or to (x - mean) / std; on bytes it moves no data.")
        .input("in", TensorType::any().description("no class ids"))
        .output(
            "out",
            TensorType::of({DType::f32})
                .shape_as("in")
                .description(
                    "the range of the input, mapped likewise; written out for bytes with a mean far outside of them"))
        .param(Param("scale", T::float32(), "factor, not 0").optional())
        .param(Param("offset", T::float32(), "added after scaling; 0 when absent").optional())
        .param(Param("mean", T::number(), "subtracted first; 0 when absent").optional())
        .param(Param("std", T::number().above(0), "divided by after that").optional())
        .example("unit: {stage: normalize, in: train.images, with: {scale: 1/255}}");
  }
  explicit Normalize(const ParamValue& params)
      : has_scale_(!params["scale"].is_null()),
        has_std_(!params["std"].is_null()),
        has_offset_(!params["offset"].is_null()),
        has_mean_(!params["mean"].is_null()) {
    const auto number = [&](const char* name, double absent) {
      return params[name].is_null() ? absent : params[name].number();
    };
    mean_ = number("mean", 0);
    std_ = number("std", 1);
    scale_ = static_cast<float>(has_std_ ? 1 / std_ : number("scale", 1));
    offset_ = static_cast<float>(has_std_ ? -mean_ / std_ : number("offset", 0));
  }

  void infer(InferContext& ctx) override {
    const PortSpec& port = ctx.input("in");
    if (!params_are_complete(ctx) || !input_fits(ctx, port.only())) return;
    TensorSpec out = port.only();
    if (out.range) out.range = mapped_range(port.only());
    if (stays_bytes(out))
      out.encoding = {EncodingKind::affine_u8, scale_, offset_, 0};
    else
      out.encoding = {};
    out.dtype = DType::f32;
    out.class_names = {};
    ctx.output("out", PortSpec::single(std::move(out), port.rows_per_epoch, port.max_rows));
  }

  void process(TransformContext& ctx) const override {
    const Tensor& x = ctx.input().tensor();
    const TensorSpec& spec = ctx.output("out").only();
    if (stays_bytes(x.spec())) return ctx.emit("out", x.viewed_as(spec));
    OutTensor y = ctx.allocate(spec, x.rows());
    const auto to = y.values<float>();
    if (x.spec().dtype == DType::f64)
      map_all(x.stored<double>(), to);
    else if (x.spec().dtype == DType::i32)
      map_all(x.stored<std::int32_t>(), to);
    else
      map_all(x.f32(), to);
    ctx.emit("out", std::move(y).freeze());
  }

 private:
  bool stays_bytes(const TensorSpec& spec) const {
    return spec.dtype == DType::u8 && spec.encoding.kind == EncodingKind::dense && (!has_std_ || is_near_bytes(mean_));
  }

  /// The mean comes off before anything is rounded, and so does the offset of values that a float32 does not hold.
  float value_of(double x) const {
    if (has_std_) return static_cast<float>((x - mean_) / std_);
    return static_cast<float>(x * static_cast<double>(scale_) + static_cast<double>(offset_));
  }

  template <class T>
  void map_all(std::span<const T> from, std::span<float> to) const {
    const bool is_float = std::is_same_v<T, float> && !has_std_;
    std::transform(from.begin(), from.end(), to.begin(), [&](T x) {
      return is_float ? mapped(static_cast<float>(x), scale_, offset_) : value_of(static_cast<double>(x));
    });
  }

  bool params_are_complete(InferContext& ctx) const {
    const std::string help = "give `scale` and maybe `offset`, or `std` and maybe `mean`";
    const bool first = has_scale_ || has_offset_, second = has_std_ || has_mean_;
    if (first && second)
      ctx.error(ErrorSite::param(has_mean_ ? "mean" : "std"), "conflicting-parameters",
                "both ways to normalize at once", help);
    else if (!has_scale_ && !has_std_)
      ctx.error(ErrorSite::node(), "missing-parameter",
                has_mean_ ? "`mean` needs `std`" : "normalize needs `scale`, or `mean` and `std`", help);
    else if (scale_ == 0 || !std::isfinite(scale_) || !std::isfinite(offset_))
      ctx.error(
          ErrorSite::param(has_std_ ? "std" : "scale"), "out-of-range",
          fmt::format("as float32, scale is {} and offset is {}", without_nan_sign(scale_), without_nan_sign(offset_)),
          "both must be finite, and scale not 0");
    else
      return true;
    return false;
  }

  bool input_fits(InferContext& ctx, const TensorSpec& in) const {
    if (in.encoding.kind == EncodingKind::indicator || !in.class_names.empty()) {
      ctx.error(ErrorSite::input("in"), "dtype-mismatch", fmt::format("{} are classes, not quantities", in.describe()),
                "normalize the inputs; one_hot takes the labels");
      return false;
    }
    if (has_scale_ && std::abs(scale_) < 1 && in.range && lies_in_unit_range(*in.range)) {
      ctx.error(ErrorSite::param("scale"), "normalized-twice",
                fmt::format("scale {} on values that already lie in [{}, {}]", scale_, in.range->lo, in.range->hi),
                "remove one of the two; `mean` and `std` are always allowed");
      return false;
    }
    return true;
  }

  ValueRange mapped_range(const TensorSpec& spec) const {
    const bool is_small = !has_std_ && spec.dtype != DType::f64 && spec.dtype != DType::i32;
    const auto end = [&](double x) {
      const bool is_affine = is_small || stays_bytes(spec);
      return static_cast<double>(is_affine ? mapped(static_cast<float>(x), scale_, offset_) : value_of(x));
    };
    const double a = end(spec.range->lo), b = end(spec.range->hi);
    return {std::min(a, b), std::max(a, b)};
  }

  bool has_scale_, has_std_, has_offset_, has_mean_;
  double mean_ = 0, std_ = 1;
  float scale_ = 1, offset_ = 0;
};

MILLRACE_REGISTER_STAGE("normalize", Normalize);

}  // namespace
}  // namespace millrace::stages
