// Shifts and rotates images at random, a little differently in every epoch: augmentation.
//
//   in:      u8 or f32 [n, height, width] or [n, height, width, channels]
//   out:     the same dtype and shape
//   example: moved: {stage: random_affine, in: train.images, with: {max_shift: 2, max_rotation: 10}}
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <type_traits>

namespace {

using namespace millrace;

struct ImageShape {
  int height, width, channels;
  std::size_t values() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width * channels); }
};

ImageShape shape_of(const RowShape& row) {
  return {static_cast<int>(row[0]), static_cast<int>(row[1]), row.size() == 3 ? static_cast<int>(row[2]) : 1};
}

/// How one image moves: by an angle around its center, then by `right` and `down` pixels.
struct Motion {
  float cosine, sine, right, down;
};

/// One image, read between its pixels. Beyond its edge lies `fill`.
template <class T>
class Sampler {
 public:
  Sampler(const T* pixels, const ImageShape& shape, float fill) : pixels_(pixels), shape_(shape), fill_(fill) {}

  /// Bilinear: the four pixels around the place, weighted by how close they are.
  float at(float y, float x, int channel) const {
    const float top = std::floor(y), left = std::floor(x);
    const float down = y - top, right = x - left;
    const int row = static_cast<int>(top), column = static_cast<int>(left);
    const float above = pixel(row, column, channel) * (1 - right) + pixel(row, column + 1, channel) * right;
    const float below = pixel(row + 1, column, channel) * (1 - right) + pixel(row + 1, column + 1, channel) * right;
    return above * (1 - down) + below * down;
  }

 private:
  float pixel(int row, int column, int channel) const {
    if (row < 0 || row >= shape_.height || column < 0 || column >= shape_.width) return fill_;
    return static_cast<float>(pixels_[(row * shape_.width + column) * shape_.channels + channel]);
  }

  const T* pixels_;
  const ImageShape& shape_;
  float fill_;
};

template <class T>
T stored(float value) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(std::lround(value));
  else
    return value;
}

// Each pixel of the moved image is looked up where it came from, so that none is left out.
template <class T>
void move_image(const T* from, T* to, const ImageShape& shape, const Motion& motion, float fill) {
  const Sampler<T> image(from, shape, fill);
  const float middle_y = 0.5F * static_cast<float>(shape.height - 1),
              middle_x = 0.5F * static_cast<float>(shape.width - 1);
  for (int row = 0; row < shape.height; ++row)
    for (int column = 0; column < shape.width; ++column) {
      const float y = static_cast<float>(row) - middle_y - motion.down;
      const float x = static_cast<float>(column) - middle_x - motion.right;
      const float from_y = motion.cosine * y - motion.sine * x + middle_y;
      const float from_x = motion.sine * y + motion.cosine * x + middle_x;
      for (int channel = 0; channel < shape.channels; ++channel) *to++ = stored<T>(image.at(from_y, from_x, channel));
    }
}

class RandomAffine final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Shifts and rotates images at random, differently in every epoch.")
        .input("in", TensorType::of({DType::u8, DType::f32})
                         .rank(2, 3)
                         .description("height, width, channels or none")
                         .hint("put it before `flatten`"))
        .output("out", TensorType::of({DType::u8, DType::f32}).shape_as("in"))
        .param(Param("max_shift", T::number().at_least(0).at_most(1024), "Farthest shift along each axis.")
                   .or_default(2.0)
                   .in_unit("pixels"))
        .param(Param("max_rotation", T::number().at_least(0).at_most(180), "Largest angle, to either side.")
                   .or_default(10.0)
                   .in_unit("degrees"))
        .param(Param("fill", T::float32(), "Value of what comes in from beyond the edge.").or_default(0.0))
        .example("moved: {stage: random_affine, in: train.images, with: {max_shift: 2, max_rotation: 10}}");
  }

  explicit RandomAffine(const ParamValue& params)
      : max_shift_(static_cast<float>(params["max_shift"].number())),
        max_radians_(static_cast<float>(params["max_rotation"].number() * std::numbers::pi / 180)),
        fill_(static_cast<float>(params["fill"].number())) {}

  void infer(InferContext& ctx) override {
    ctx.draws("random_affine");
    PortSpec port = ctx.input("in");
    TensorSpec spec = port.only();
    if (spec.dtype == DType::u8 && (fill_ < 0 || fill_ > 255))
      return ctx.error(ErrorSite::param("fill"), "out-of-range", "the images are bytes, 0 to 255");
    if (spec.range) spec.range = ValueRange{std::fmin(spec.range->lo, fill_), std::fmax(spec.range->hi, fill_)};
    spec.encoding = {};
    shape_ = shape_of(spec.row_shape);
    ctx.output("out", PortSpec::single(std::move(spec), port.rows_per_epoch, port.max_rows));
  }

  void open(OpenContext& ctx) override { random_ = ctx.random("random_affine"); }

  void process(TransformContext& ctx) const override {
    const Packet& packet = ctx.input();
    OutTensor moved = ctx.allocate(ctx.output("out").only(), packet.rows);
    if (moved.spec().dtype == DType::u8)
      move_all(packet, packet.tensor().stored<std::uint8_t>().data(), moved.values<std::uint8_t>().data());
    else
      move_all(packet, packet.tensor().f32().data(), moved.values<float>().data());
    ctx.emit("out", std::move(moved).freeze());
  }

 private:
  // From the seed, the epoch and the image's own number: neither threads nor block sizes can change it.
  Motion motion_of(std::uint64_t sample, std::uint32_t epoch) const {
    const PhiloxCounter words = random_->words(sample, epoch);
    const auto between = [](std::uint32_t word, float most) { return (2 * to_unit_float(word) - 1) * most; };
    const float angle = between(words[0], max_radians_);
    return {std::cos(angle), std::sin(angle), between(words[1], max_shift_), between(words[2], max_shift_)};
  }

  template <class T>
  void move_all(const Packet& packet, const T* from, T* to) const {
    for (const std::uint64_t sample : packet.sample_ids()) {
      move_image(from, to, shape_, motion_of(sample, packet.header.epoch), fill_);
      from += shape_.values();
      to += shape_.values();
    }
  }

  float max_shift_, max_radians_, fill_;
  ImageShape shape_{};
  std::optional<Random> random_;
};

MILLRACE_REGISTER_STAGE("random_affine", RandomAffine);

}  // namespace

MILLRACE_PLUGIN("random_affine", "1.0.0", "Apache-2.0");
