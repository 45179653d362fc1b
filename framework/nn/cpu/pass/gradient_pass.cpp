// A slab's gradient is X^T dZ of each part, added pairwise over the parts; that of the first layer is computed for nonzero columns only, then
// spread in place.
#include "gradient_pass.hpp"

#include "batch_pass.hpp"
#include "gradient_tree.hpp"
#include "nn/cpu/kernels/gemm.hpp"
#include "train_pass.hpp"

#include <algorithm>

namespace millrace::cpu {

namespace {

/// A quarter of a batch packs all weights once, as a whole one does. Measured with a third of the columns zeros: with 32 rows that
/// costs 3 % more than it saves.
constexpr std::int64_t kLeastRowsOfQuarter = 64;

}  // namespace

GradientPassLayout::GradientPassLayout(const TrainSpec& spec, Reduction reduction, ScratchLayout& scratch) {
  const ModelSpec& model = *spec.model;
  const LayerSpec& first = model.layers.front();
  const int ranks = spec.communicator ? spec.communicator->size() : 1;
  const bool is_ordered = reduction == Reduction::ordered;
  const std::size_t parts = is_ordered ? parts_in_rank(ranks) : 1;
  const std::int64_t rows = is_ordered ? most_rows_of_part(spec.max_batch_rows, ranks) : spec.max_batch_rows;
  for (std::size_t part = 0; part < parts && has_nonzero_columns(model); ++part) {
    columns.emplace_back(rows, first.inputs, first.outputs, scratch);
    columns.back().least_rows = is_ordered ? kLeastRowsOfQuarter : 0;
  }
  for (std::size_t left = parts; left > 1; left /= 2) halves.push_back(scratch.floats(model.parameters()));
}

GradientPass::GradientPass(const ModelSpec& model, const Forward& forward, const Backward& backward,
                           const float* weights, const GradientPassLayout& layout, const Scratch& scratch)
    : model_(model), forward_(forward), backward_(backward) {
  const LayerSpec& first = model.layers.front();
  for (const NonzeroColumnsLayout& columns : layout.columns)
    columns_.emplace_back(first, weights + first.kernel_offset, columns, scratch);
  for (const std::size_t half : layout.halves) halves_.push_back(scratch.at<float>(half));
}

void GradientPass::add_phases(std::vector<Phase>& phases, const std::vector<Range>& parts, std::int64_t rows) {
  add_batch_pass(phases, model_, forward_, backward_, columns_, parts, 1.0F / static_cast<float>(rows));
}

void GradientPass::compute(const Slab& slab, const std::vector<Range>& parts, float* gradient) const {
  std::vector<float*> spare;
  for (float* half : halves_) spare.push_back(half + offset_of(model_, slab));
  sum_parts(0, parts.size(), weights_of(model_, slab), gradient, spare,
            [&](std::size_t part, float* to) { compute_part(slab, part, parts[part], to); });
}

void GradientPass::compute_part(const Slab& slab, std::size_t part, Range rows, float* gradient) const {
  if (rows.count == 0 || !leaves_rows_out(slab, part))
    return compute_gradient(model_, slab, rows, forward_, backward_, gradient);
  compute_nonzero(slab, part, rows, gradient);
  spread_nonzero(slab, columns_[part], gradient);
}

bool GradientPass::leaves_rows_out(const Slab& slab, std::size_t part) const {
  return slab.layer == 0 && !slab.is_bias && !columns_.empty() && columns_[part].is_worthwhile();
}

void GradientPass::compute_nonzero(const Slab& slab, std::size_t part, Range rows, float* gradient) const {
  const NonzeroColumns& columns = columns_[part];
  const Range nonzero = columns.within(slab.range);
  if (nonzero.count == 0) return;
  const std::int64_t outputs = model_.layers[0].outputs;
  const Matrix inputs = columns.inputs_from(0);
  multiply_transposed_left(nonzero.count, outputs, rows.count, {inputs.data + nonzero.first, inputs.stride},
                           {backward_.delta_of(0) + rows.first * outputs, outputs}, {gradient, outputs});
}

/// To their places among all rows of the slab, with zeros between them. None moves to before where it is, so the last goes first.
void GradientPass::spread_nonzero(const Slab& slab, const NonzeroColumns& columns, float* gradient) const {
  const std::int64_t outputs = model_.layers[0].outputs;
  const Range nonzero = columns.within(slab.range);
  std::int64_t next = nonzero.count;
  for (std::int64_t row = slab.range.count; row-- > 0;) {
    float* to = gradient + row * outputs;
    const bool is_nonzero = next > 0 && columns.columns()[nonzero.first + next - 1] == slab.range.first + row;
    if (!is_nonzero)
      std::fill_n(to, outputs, 0.0F);
    else if (const float* from = gradient + --next * outputs; from != to)
      std::copy_n(from, outputs, to);
  }
}

}  // namespace millrace::cpu
