#include "cuda/step/step_order.hpp"

#include <algorithm>

namespace millrace::cuda {
namespace {

/// The accesses of one operation. Null pointers stand for what it does without.
class Collector {
 public:
  std::vector<Access> take() { return std::move(accesses_); }

  void operator()(const Decode& op) {
    const bool is_class = op.form == Stored::class_u8 || op.form == Stored::class_i32;
    add(op.stored, op.rows * (is_class ? 1 : op.width) * size_of(op.form), true, false);
    state(op.state);
    write(op.out, op.rows * op.stride);
  }
  void operator()(const BiasActivate& op) {
    read(op.bias, op.width);
    add(op.values.wide, op.rows * op.stride * kFloat, true, true);
    write(op.values.narrow, op.rows * op.stride);
  }
  void operator()(const Dropout& op) {
    read(op.in, op.rows * op.stride);
    read(op.ids, op.rows);
    state(op.state);
    write(op.out, op.rows * op.stride);
    write(op.mask, op.rows * op.stride);
  }
  void operator()(const DropoutBackward& op) {
    read(op.mask, op.elements);
    add(op.delta, op.elements * kFloat, true, true);
  }
  void operator()(const MultiplyBySlope& op) {
    read(op.output, op.elements);
    add(op.delta.wide, op.elements * kFloat, true, true);
    write(op.delta.narrow, op.elements);
  }
  void operator()(const FinishRow& op) {
    add(op.outputs, op.rows * op.stride * kFloat, true, true);
    read(op.targets, op.rows * op.stride);
    add(op.classes, op.rows * (op.wide_classes ? 4 : 1), true, false);
    read(op.row_weights, op.rows);
    state(op.state);
    write(op.results, op.rows);
    write(op.delta, op.rows * op.stride);
  }
  void operator()(const Matmul& op) {
    const std::int64_t element = op.precision == Precision::bf16 ? 2 : kFloat;
    add(op.a, extent(op.transpose_a ? op.k : op.m, op.transpose_a ? op.m : op.k, op.lda) * element, true, false);
    add(op.b, extent(op.transpose_b ? op.n : op.k, op.transpose_b ? op.k : op.n, op.ldb) * element, true, false);
    write(op.d, extent(op.m, op.n, op.ldd));
    if (op.epilogue != Matmul::Epilogue::none) read(op.bias, op.m);
  }
  void operator()(const ColumnSums& op) {
    read(op.values, op.rows * op.stride);
    write(op.out, op.chunks() * op.stride);
  }
  void operator()(const SumRows& op) {
    read(op.results, op.rows);
    input_of(op.state);
    write(op.out, 1);
  }
  void operator()(const CheckFinite& op) {
    read(op.gradient, op.elements);
    read(op.results, op.results ? op.rows : 0);
    state(op.state);
    write(op.verdicts, CheckFinite::kBlocks);
  }
  void operator()(const SumWeights& op) {
    read(op.weights, op.elements);
    add(op.gradient, op.elements * kFloat, true, op.l2 > 0);
    write(op.partials, SumWeights::kBlocks);
  }
  void operator()(const SetLanes& op) {
    read(op.results, op.rows);
    state(op.state);
    write(op.lanes, static_cast<std::int64_t>(nn::kLanes));
  }
  void operator()(const AllReduce& op) { add(op.values, op.count * kFloat, true, true); }
  void operator()(const NoteTime& op) {
    if (op.moment == NoteTime::Moment::chain_is_ready) return write(&op.state->ready.chain, 1);
    if (op.moment == NoteTime::Moment::weights_are_ready) return write(&op.state->ready.weights, 1);
    read(op.gradient, op.count);
    add(op.state, sizeof(StepState), true, true);
  }
  void operator()(const FinishStep& op) {
    read(op.batch, 1);
    read(op.partials, op.partial_count);
    read(op.verdicts, CheckFinite::kBlocks);
    read(op.lanes, static_cast<std::int64_t>(nn::kLanes));
    input_of(op.state);
    add(&op.state->sums, sizeof(StepState) - offsetof(StepState, sums), true, true);
    add(op.progress, sizeof(ProgressPage), true, true);
  }
  void operator()(const Update& op) {
    add(op.weights.wide, op.elements * kFloat, true, true);
    write(op.weights.narrow, op.elements);
    read(op.gradient, op.elements);
    for (float* slot : op.slots) add(slot, op.elements * kFloat, true, true);
    read(op.verdicts, CheckFinite::kBlocks);
    op.verdicts != nullptr ? input_of(op.state) : state(op.state);
  }
  void operator()(const Narrow& op) {
    read(op.from, op.elements);
    write(op.to, op.elements);
  }

 private:
  static constexpr std::int64_t kFloat = sizeof(float);

  static std::int64_t size_of(Stored form) {
    switch (form) {
      case Stored::f64:
        return 8;
      case Stored::i32:
      case Stored::f32:
      case Stored::class_i32:
        return 4;
      case Stored::i16:
        return 2;
      default:
        return 1;
    }
  }
  /// Elements from the first to the last of a column-major matrix.
  static std::int64_t extent(std::int64_t rows, std::int64_t columns, std::int64_t ld) {
    return (columns - 1) * ld + rows;
  }
  void add(const void* begin, std::int64_t bytes, bool reads, bool writes) {
    if (begin != nullptr && bytes > 0) accesses_.push_back({begin, static_cast<std::size_t>(bytes), reads, writes});
  }
  template <class T>
  void read(const T* from, std::int64_t count) {
    add(from, count * static_cast<std::int64_t>(sizeof(T)), true, false);
  }
  template <class T>
  void write(T* to, std::int64_t count) {
    add(to, count * static_cast<std::int64_t>(sizeof(T)), false, true);
  }
  void write(const FloatOut& to, std::int64_t count) {
    write(to.wide, count);
    write(to.narrow, count);
  }
  void state(const StepState* from) { read(from, 1); }
  /// What nothing in a step writes.
  void input_of(const StepState* from) { read(&from->input, 1); }

  std::vector<Access> accesses_;
};

bool overlap(const Access& a, const Access& b) {
  const auto* a_begin = static_cast<const std::byte*>(a.begin);
  const auto* b_begin = static_cast<const std::byte*>(b.begin);
  return a_begin < b_begin + b.bytes && b_begin < a_begin + a.bytes;
}

bool writes_only_to(const std::vector<Access>& accesses, const Access& place) {
  return std::all_of(accesses.begin(), accesses.end(), [&](const Access& a) {
    const auto* begin = static_cast<const std::byte*>(a.begin);
    const auto* from = static_cast<const std::byte*>(place.begin);
    return !a.writes || (begin >= from && begin + a.bytes <= from + place.bytes);
  });
}

StreamRole role_of(const Op& op, const std::vector<Access>& accesses, const Access& gradient) {
  if (std::holds_alternative<AllReduce>(op) || std::holds_alternative<ColumnSums>(op) ||
      std::holds_alternative<SumRows>(op) || std::holds_alternative<FinishStep>(op))
    return StreamRole::aside;
  if (const auto* note = std::get_if<NoteTime>(&op))
    return note->moment == NoteTime::Moment::weights_are_ready ? StreamRole::weights : StreamRole::chain;
  return std::holds_alternative<Matmul>(op) && writes_only_to(accesses, gradient) ? StreamRole::weights
                                                                                  : StreamRole::chain;
}

/// Of each stream the number of operations of the list, counted to its last one of that stream, that are over; 0: none.
using Reached = std::array<std::size_t, kStreams>;

}  // namespace

std::vector<Access> accesses_of(const Op& op) {
  Collector collector;
  std::visit(collector, op);
  return collector.take();
}

bool conflict(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& x : a)
    for (const Access& y : b)
      if ((x.writes || y.writes) && overlap(x, y)) return true;
  return false;
}

// An operation waits for the latest operation of each other stream that it must not overtake, unless it knows already that this
// one is over: from its own stream, or from another that it waits for.
StepOrder order_of(const Ops& ops, const Access& gradient) {
  StepOrder order;
  std::vector<std::vector<Access>> accesses;
  std::vector<Reached> over;  // once an operation is
  Reached last{};             // operations of each stream so far
  for (std::size_t j = 0; j < ops.size(); ++j) {
    accesses.push_back(accesses_of(ops[j]));
    StepOrder::Place place{role_of(ops[j], accesses[j], gradient), {}};
    const auto own = static_cast<std::size_t>(place.stream);
    Reached known = last[own] > 0 ? over[last[own] - 1] : Reached{};
    for (std::size_t i = j; i-- > 0;) {
      const auto other = static_cast<std::size_t>(order.places[i].stream);
      if (other == own || known[other] > i || !conflict(accesses[i], accesses[j])) continue;
      place.after.push_back(i);
      for (std::size_t s = 0; s < kStreams; ++s) known[s] = std::max(known[s], over[i][s]);
    }
    known[own] = last[own] = j + 1;
    over.push_back(known);
    order.places.push_back(std::move(place));
  }
  const std::size_t chain = last[0];
  for (std::size_t s = 1; s < kStreams; ++s)
    if (last[s] > (chain > 0 ? over[chain - 1][s] : 0)) order.joins.push_back(last[s] - 1);
  return order;
}

}  // namespace millrace::cuda
