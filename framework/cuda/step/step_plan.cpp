// Lowers a model to a list of operations: decode, forward by layers, loss, backward with an all-reduce for each bucket of gradients, sums or
// a check that all is finite, update.
#include "cuda/step/step_plan.hpp"

#include "cuda/step/trained_layers.hpp"

#include <millrace/random.hpp>
#include <millrace/tensor.hpp>

#include <algorithm>
#include <string>

namespace millrace::cuda {
namespace {

Stored stored_form(const TensorSpec& spec) {
  if (spec.encoding.kind == EncodingKind::affine_u8) return Stored::affine_u8;
  if (spec.encoding.kind == EncodingKind::indicator)
    return spec.stored_dtype() == DType::u8 ? Stored::class_u8 : Stored::class_i32;
  constexpr Stored kDense[] = {Stored::u8, Stored::i8, Stored::i16, Stored::i32, Stored::f32, Stored::f64};
  return kDense[static_cast<std::size_t>(spec.dtype)];
}

/// Writes the operations of one step down in order.
class Planner {
 public:
  Planner(const StepDemand& demand, const StepLayout& layout, std::byte* base, const BatchForm& form,
          const CanFuse& can_fuse, ProgressPage* progress)
      : demand_(demand), layout_(layout), base_(base), form_(form), can_fuse_(can_fuse), progress_(progress) {}

  Ops plan() {
    decode();
    for (std::size_t i = 0; i < layers().size(); ++i) is_dense(i) ? forward_dense(i) : forward_dropout(i);
    finish_rows();
    if (form_.targets) sum_rows();
    if (demand_.sums_ranks) write_flags();
    if (demand_.training) backward();
    if (demand_.sums_ranks) record_timestamps();
    if (demand_.sums_weights)
      sum_weights();
    else if (demand_.training)
      check_finite();
    if (update_needs_the_end()) finish_step();
    if (demand_.training) update();
    if (form_.targets && !update_needs_the_end()) finish_step();  // beside the update
    return std::move(ops_);
  }

 private:
  template <class T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }
  const std::vector<LayerSpec>& layers() const { return demand_.model->layers; }
  bool is_dense(std::size_t i) const { return layers()[i].kind == LayerKind::dense; }
  bool is_last(std::size_t i) const { return i + 1 == layers().size(); }
  bool takes_bf16() const { return demand_.precision == Precision::bf16; }
  /// Dropout does nothing outside training, so its output is what the layer before gave.
  bool passes_on(std::size_t i) const { return !is_dense(i) && !demand_.training; }
  StepState* state() const { return at<StepState>(layout_.state); }
  /// A gradient that is clipped, and ranks that must agree, wait for what FinishStep makes of the sums.
  bool update_needs_the_end() const { return demand_.training && (demand_.sums_weights || demand_.sums_ranks); }

  /// Values of a matrix, with the bf16 copies when products take them.
  FloatOut values(std::size_t f32, std::size_t bf16) const {
    return {at<float>(f32), takes_bf16() ? at<std::uint16_t>(bf16) : nullptr};
  }
  /// Values that only products read.
  FloatOut product_values(std::size_t f32, std::size_t bf16) const {
    return takes_bf16() ? FloatOut{nullptr, at<std::uint16_t>(bf16)} : values(f32, bf16);
  }
  FloatOut output(std::size_t i) const { return values(layout_.layers[i].output, layout_.layers[i].output16); }
  FloatOut delta(std::size_t i) const { return values(layout_.layers[i].delta, layout_.layers[i].delta16); }
  /// What layer i takes.
  FloatOut input(std::size_t i) const {
    while (i > 0 && passes_on(i - 1)) --i;
    return i == 0 ? values(layout_.inputs, layout_.inputs16) : output(i - 1);
  }
  std::int64_t input_stride(std::size_t i) const {
    return i == 0 ? layout_.input_stride : layout_.layers[i - 1].stride;
  }
  const void* operand(const FloatOut& m) const {
    return takes_bf16() ? static_cast<const void*>(m.bf16) : static_cast<const void*>(m.f32);
  }
  FloatOut kernel(std::size_t i) const {
    const std::int64_t offset = layout_.padded_weights.of(i).kernel;
    return {at<float>(layout_.weights) + offset,
            takes_bf16() ? at<std::uint16_t>(layout_.weights16) + offset : nullptr};
  }
  float* weight_at(std::size_t buffer, std::int64_t offset) const {
    return offset < 0 ? nullptr : at<float>(buffer) + offset;
  }
  float* bias(std::size_t i) const { return weight_at(layout_.weights, layout_.padded_weights.of(i).bias); }
  float* bias_gradient(std::size_t i) const { return weight_at(layout_.gradient, layout_.padded_weights.of(i).bias); }

  /// Adds the product with its epilogue, or without where that is not to be had. Returns whether it has the epilogue.
  bool multiply(Matmul product) {
    const bool fused = product.epilogue != Matmul::Epilogue::none && can_fuse_(product);
    if (!fused) product.epilogue = Matmul::Epilogue::none;
    ops_.emplace_back(product);
    return fused;
  }

  void decode_tensor(BatchPart part, const TensorSpec& spec, std::size_t from, std::int64_t stride,
                     const FloatOut& to) {
    Decode op;
    op.part = part;
    op.stored = base_ + from;
    op.form = stored_form(spec);
    op.scale = spec.encoding.scale;
    op.offset = spec.encoding.offset;
    op.rows = demand_.rows;
    op.width = elements_of(spec.row_shape);
    op.stride = stride;
    op.out = to;
    op.state = state();
    ops_.emplace_back(op);
  }

  void decode() {
    decode_tensor(
        BatchPart::inputs, *form_.inputs, layout_.raw_inputs, layout_.input_stride,
        is_dense(0) ? product_values(layout_.inputs, layout_.inputs16) : values(layout_.inputs, layout_.inputs16));
    if (form_.targets && form_.targets->encoding.kind != EncodingKind::indicator)
      decode_tensor(BatchPart::targets, *form_.targets, layout_.raw_targets, padded(demand_.model->outputs()),
                    {at<float>(layout_.targets), nullptr});
  }

  /// Z = X W: column-major, the weights [outputs, inputs] come first.
  void forward_dense(std::size_t i) {
    const LayerSpec& layer = layers()[i];
    const StepLayout::Layer& place = layout_.layers[i];
    Matmul product;
    product.precision = demand_.precision;
    product.m = place.stride;
    product.n = demand_.rows;
    product.k = input_stride(i);  // padding is zero on both sides, and odd widths have slow algorithms or none
    product.a = operand(kernel(i));
    product.lda = place.stride;
    product.b = operand(input(i));
    product.ldb = input_stride(i);
    product.d = output(i).f32;
    product.ldd = place.stride;
    product.bias = bias(i);
    const Activation activation = is_last(i) ? Activation::linear : layer.activation;  // the last belongs to the loss
    const bool is_read_as_bf16 =
        takes_bf16() && !is_last(i);  // the kernel that makes the bf16 copy takes bias and activation along
    if (layer.use_bias && !is_read_as_bf16 && activation == Activation::linear)
      product.epilogue = Matmul::Epilogue::bias;
    // A library's ReLU makes 0 of a NaN, which training sees in the gradient and an evaluation nowhere.
    if (layer.use_bias && !is_read_as_bf16 && activation == Activation::relu && demand_.training)
      product.epilogue = Matmul::Epilogue::relu_bias;
    if (!multiply(product)) activate(i, activation);
  }

  void activate(std::size_t i, Activation activation) {
    if (!layers()[i].use_bias && activation == Activation::linear && (!takes_bf16() || is_last(i))) return;
    BiasActivate op;
    op.bias = bias(i);
    op.activation = activation;
    op.rows = demand_.rows;
    op.width = layers()[i].outputs;
    op.stride = layout_.layers[i].stride;
    op.values = is_last(i) ? FloatOut{output(i).f32, nullptr} : output(i);
    ops_.emplace_back(op);
  }

  void forward_dropout(std::size_t i) {
    if (passes_on(i)) return;
    const PhiloxKey key = Random(demand_.seed, "dropout/" + std::to_string(i)).key();
    Dropout op;
    op.in = input(i).f32;
    op.ids = at<std::uint64_t>(layout_.ids);
    op.key0 = key[0];
    op.key1 = key[1];
    op.rate = layers()[i].rate;
    op.rows = demand_.rows;
    op.width = layers()[i].outputs;
    op.stride = layout_.layers[i].stride;
    op.out = output(i);
    op.mask = at<std::uint8_t>(layout_.layers[i].mask);
    op.state = state();
    ops_.emplace_back(op);
  }

  void finish_rows() {
    const std::size_t last = layers().size() - 1;
    FinishRow op;
    op.loss = demand_.loss;
    op.activation = layers()[last].activation;
    op.outputs = output(last).f32;
    op.rows = demand_.rows;
    op.width = layers()[last].outputs;
    op.stride = layout_.layers[last].stride;
    if (form_.targets && form_.targets->encoding.kind == EncodingKind::indicator) {
      op.classes = at<std::byte>(layout_.raw_targets);
      op.wide_classes = form_.targets->stored_dtype() == DType::i32;
    } else if (form_.targets) {
      op.targets = at<float>(layout_.targets);
    }
    if (form_.weighted) op.row_weights = at<float>(layout_.row_weights);
    op.results = at<nn::RowResult>(layout_.results);
    if (demand_.training) op.delta = delta(last);
    op.state = state();
    ops_.emplace_back(op);
  }

  void sum_rows() {
    ops_.emplace_back(
        SumRows{at<nn::RowResult>(layout_.results), demand_.rows, at<BatchSums>(layout_.row_sums), state()});
  }

  float* flags() const { return at<float>(layout_.gradient) + layout_.padded_weights.size(); }

  void write_flags() {
    ops_.emplace_back(WriteFlags{at<nn::RowResult>(layout_.results), demand_.rows, flags(), state()});
  }

  /// From the last layer to the first; over several ranks gradients leave in pieces, as those of the CPU step do.
  void backward() {
    const std::vector<nn::GradientBucket> buckets = gradient_pieces(demand_, layout_);
    auto bucket = buckets.begin();
    for (std::size_t i = layers().size(); i-- > 0;) {
      if (is_dense(i)) backward(i);
      if (!demand_.sums_ranks || bucket->first_layer != i) continue;
      ops_.emplace_back(AllReduce{at<float>(layout_.gradient) + bucket->first, bucket->end - bucket->first});
      ++bucket;
    }
  }

  /// How long the step has nothing to do but to wait for its peers.
  void record_timestamps() {
    for (const auto moment : {RecordTimestamp::Moment::chain_is_ready, RecordTimestamp::Moment::weights_are_ready,
                              RecordTimestamp::Moment::ranks_are_summed})
      ops_.emplace_back(RecordTimestamp{moment, at<float>(layout_.gradient),
                                        layout_.padded_weights.size() + static_cast<std::int64_t>(nn::kFlags),
                                        state()});
  }

  /// Gradient of the weights of dense layer i, then the gradient at the pre-activations of the dense layer before it. A layer that is frozen
  /// has none, and below the last that is not nobody needs one.
  void backward(std::size_t i) {
    if (!layers()[i].is_frozen) kernel_gradient(i);
    std::size_t before = i;
    while (before > 0 && !is_dense(before - 1)) --before;
    if (before-- > 0 && trains_up_to(*demand_.model, before)) backward_through(i, before);
  }

  /// dW = X^T dZ.
  void kernel_gradient(std::size_t i) {
    const LayerSpec& layer = layers()[i];
    const std::int64_t stride = layout_.layers[i].stride;
    Matmul product;
    product.precision = demand_.precision;
    product.m = stride;
    product.n = input_stride(i);
    product.k = demand_.rows;
    product.a = operand(delta(i));
    product.lda = stride;
    product.b = operand(input(i));
    product.ldb = input_stride(i);
    product.transpose_b = true;
    product.d = weight_at(layout_.gradient, layout_.padded_weights.of(i).kernel);
    product.ldd = stride;
    multiply(product);
    if (layer.use_bias) sum_columns(i);
  }

  /// Gradient of the bias of dense layer i: the sums over the rows of dZ.
  void sum_columns(std::size_t i) {
    const std::int64_t stride = layout_.layers[i].stride;
    const float* from = delta(i).f32;
    std::int64_t rows = demand_.rows;
    if (rows > 2 * ColumnSums::kChunkRows) {
      auto* sums = at<float>(layout_.layers[i].chunk_sums);
      const ColumnSums chunks{from, rows, stride, stride, ColumnSums::kChunkRows, sums};
      ops_.emplace_back(chunks);
      from = sums;
      rows = chunks.chunks();
    }
    ops_.emplace_back(ColumnSums{from, rows, stride, stride, rows, bias_gradient(i)});
  }

  /// dX = dZ W^T, then back through the dropouts in between and through the activation of layer `before`.
  void backward_through(std::size_t i, std::size_t before) {
    const StepLayout::Layer& place = layout_.layers[before];
    Matmul product;
    product.precision = demand_.precision;
    product.m = place.stride;
    product.n = demand_.rows;
    product.k = layout_.layers[i].stride;
    product.a = operand(kernel(i));
    product.lda = layout_.layers[i].stride;
    product.transpose_a = true;
    product.b = operand(delta(i));
    product.ldb = layout_.layers[i].stride;
    product.d = delta(before).f32;
    product.ldd = place.stride;
    multiply(product);
    back_to(before, i);
  }

  void back_to(std::size_t before, std::size_t i) {
    const std::int64_t elements = demand_.rows * layout_.layers[before].stride;
    for (std::size_t d = i - 1; d > before; --d)
      ops_.emplace_back(DropoutBackward{at<std::uint8_t>(layout_.layers[d].mask), math::dropout_scale(layers()[d].rate),
                                        elements, delta(before).f32});
    if (layers()[before].activation != Activation::linear || takes_bf16())
      ops_.emplace_back(ActivationBackward{layers()[before].activation, output(before).f32, elements, delta(before)});
  }

  /// Partial sums of every tensor; kernels carry the penalty.
  void sum_weights() {
    auto* partials = at<WeightSums>(layout_.partials);
    const auto add = [&](std::size_t layer, std::int64_t offset, std::int64_t elements, float l2) {
      float* const gradient = layers()[layer].is_frozen ? nullptr : weight_at(layout_.gradient, offset);
      ops_.emplace_back(
          SumWeights{weight_at(layout_.weights, offset), gradient, elements, l2, partials + partial_count_});
      partial_count_ += SumWeights::kBlocks;
    };
    for (const PaddedLayer& layer : layout_.padded_weights.layers()) {
      add(layer.layer, layer.kernel, layer.inputs * layer.stride, layers()[layer.layer].l2);
      if (layer.bias >= 0) add(layer.layer, layer.bias, layer.stride, 0);
    }
  }

  std::uint32_t* verdicts() const { return at<std::uint32_t>(layout_.verdicts); }

  /// Over several ranks the losses are told in the flags, so that all ranks come to one verdict.
  void check_finite() {
    CheckFinite op;
    op.gradient = at<float>(layout_.gradient);
    op.elements = layout_.padded_weights.size();
    if (!demand_.sums_ranks) op.results = at<nn::RowResult>(layout_.results);
    op.rows = demand_.rows;
    op.verdicts = verdicts();
    op.state = state();
    ops_.emplace_back(op);
  }

  void finish_step() {
    FinishStep op;
    op.batch = at<BatchSums>(layout_.row_sums);
    op.partials = at<WeightSums>(layout_.partials);
    op.partial_count = partial_count_;
    if (demand_.training && !demand_.sums_weights) op.verdicts = verdicts();  // a sum of squares shows it too
    if (demand_.sums_ranks) op.flags = flags();
    op.clip_norm = demand_.clip_norm;
    op.training = demand_.training;
    op.state = state();
    op.progress = progress_;
    ops_.emplace_back(op);
  }

  void update() {
    for (const auto& [first, end] : trained_ranges(layout_, *demand_.model)) update(first, end);
  }

  void update(std::int64_t first, std::int64_t end) {
    Update op;
    op.rule = demand_.rule;
    op.elements = end - first;
    op.weights = values(layout_.weights, layout_.weights16);
    op.weights.f32 += first;
    if (op.weights.bf16 != nullptr) op.weights.bf16 += first;
    op.gradient = at<float>(layout_.gradient) + first;
    for (std::size_t i = 0; i < layout_.optimizer.size(); ++i) op.slots[i] = at<float>(layout_.optimizer[i]) + first;
    if (!update_needs_the_end()) op.verdicts = verdicts();
    op.state = state();
    ops_.emplace_back(op);
  }

  const StepDemand& demand_;
  const StepLayout& layout_;
  std::byte* base_;
  const BatchForm& form_;
  const CanFuse& can_fuse_;
  ProgressPage* progress_;
  Ops ops_;
  std::int64_t partial_count_ = 0;
};

}  // namespace

Access gradient_of(const StepLayout& layout, std::byte* base) {
  const auto floats = static_cast<std::size_t>(layout.padded_weights.size()) + nn::kFlags;
  return {base + layout.gradient, floats * sizeof(float), true, true};
}

Ops step_ops(const StepDemand& demand, const StepLayout& layout, std::byte* base, const BatchForm& form,
             const CanFuse& can_fuse, ProgressPage* progress) {
  return Planner(demand, layout, base, form, can_fuse, progress).plan();
}

}  // namespace millrace::cuda
