// A tensor points to immutable state, and a view is new state over the same bytes. Decoded float32 values and gathered rows of a table are
// lazy: the first who asks computes them, under std::call_once.
#include "device/table_rows.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/device.hpp>
#include <millrace/error.hpp>
#include <millrace/tensor.hpp>

#include <fmt/format.h>

#include <mutex>

namespace millrace {

struct Tensor::State {
  TensorSpec spec;
  std::int64_t rows = 0;
  std::shared_ptr<const std::byte> bytes;
  Allocator* allocator = nullptr;
  Event ready;
  std::shared_ptr<const TableRows> from;  ///< instead of `bytes`
  std::int64_t first = 0;                 ///< of `from`, where this tensor begins
  mutable std::once_flag decoded_once;
  mutable std::shared_ptr<std::byte> decoded;

  const std::byte* stored() const {
    return from ? from->bytes() + static_cast<std::size_t>(first) * spec.stored_row_bytes() : bytes.get();
  }
  /// Some rows of it under a spec with as many stored bytes a row.
  std::shared_ptr<State> view(TensorSpec other, std::int64_t skipped, std::int64_t count) const {
    auto state = std::make_shared<State>();
    state->rows = count;
    if (bytes) state->bytes = {bytes, bytes.get() + static_cast<std::size_t>(skipped) * spec.stored_row_bytes()};
    state->spec = std::move(other);
    state->allocator = allocator;
    state->ready = ready;
    state->from = from;
    state->first = first + skipped;
    return state;
  }
};

Tensor::Tensor(TensorSpec spec, std::int64_t rows, std::shared_ptr<const std::byte> bytes, Allocator* allocator)
    : Tensor(std::move(spec), rows, std::move(bytes), allocator, Event()) {}

Tensor::Tensor(TensorSpec spec, std::int64_t rows, std::shared_ptr<const std::byte> bytes, Allocator* allocator,
               Event ready) {
  auto state = std::make_shared<State>();
  state->spec = std::move(spec);
  state->rows = rows;
  state->bytes = std::move(bytes);
  state->allocator = allocator;
  state->ready = std::move(ready);
  state_ = std::move(state);
}

Tensor::Tensor(std::shared_ptr<const TableRows> from, TensorSpec&& spec) {
  auto state = std::make_shared<State>();
  state->spec = std::move(spec);
  state->rows = static_cast<std::int64_t>(from->numbers()->size());
  state->allocator = &from->memory();
  state->from = std::move(from);
  state_ = std::move(state);
}

namespace {

[[noreturn]] void not_possible(const char* name, std::string message) {
  throw Error(ErrorKind::run, name, std::move(message));
}

[[noreturn]] void nothing_to_ask(const char* asked) {
  throw Error(ErrorKind::run, "empty-tensor", fmt::format("a tensor of nothing was asked for {}", asked),
              "it was made without a spec or moved from; look at it with `if (tensor)` first");
}

/// What a tensor stands for. A comparison at each question costs nothing beside what is done with the answer.
template <class State>
const State& state_of(const std::shared_ptr<State>& state, const char* asked) {
  if (state == nullptr) [[unlikely]]
    nothing_to_ask(asked);
  return *state;
}

}  // namespace

const TensorSpec& Tensor::spec() const { return state_of(state_, "its spec").spec; }
std::int64_t Tensor::rows() const { return state_of(state_, "its rows").rows; }
const std::byte* Tensor::bytes() const { return state_of(state_, "its bytes").stored(); }
std::shared_ptr<const ResidentTable> Tensor::table() const {
  const State& s = state_of(state_, "its table");
  return s.from ? s.from->table() : nullptr;
}
std::span<const std::uint32_t> Tensor::table_rows() const {
  const State& s = state_of(state_, "its rows of a table");
  if (!s.from) return {};
  return {s.from->numbers()->data() + s.first, static_cast<std::size_t>(s.rows)};
}
const Event& Tensor::ready() const { return state_of(state_, "when it is ready").ready; }
std::size_t Tensor::size_bytes() const {
  const State& s = state_of(state_, "its size");
  return static_cast<std::size_t>(s.rows) * s.spec.stored_row_bytes();
}

std::span<const float> Tensor::f32() const {
  const State& s = state_of(state_, "its values");
  const auto count = static_cast<std::size_t>(s.rows * elements_of(s.spec.row_shape));
  if (s.spec.encoding.kind == EncodingKind::dense && s.spec.dtype == DType::f32)
    return {reinterpret_cast<const float*>(s.stored()), count};
  std::call_once(s.decoded_once, [&] {
    const std::size_t size = count * sizeof(float);
    s.decoded = s.allocator != nullptr
                    ? s.allocator->allocate(size)
                    : std::shared_ptr<std::byte>(new std::byte[size], std::default_delete<std::byte[]>());
    decode_f32(s.spec, s.stored(), s.rows, reinterpret_cast<float*>(s.decoded.get()));
  });
  return {reinterpret_cast<const float*>(s.decoded.get()), count};
}

Tensor Tensor::reshaped(RowShape shape) const {
  if (spec().encoding.kind == EncodingKind::indicator)
    not_possible("encoding-mismatch", fmt::format("cannot reshape {}", spec().describe()));
  if (elements_of(shape) != elements_of(spec().row_shape))
    not_possible("shape-mismatch", fmt::format("cannot reshape {} to {}", spec().describe(), to_string(shape)));
  TensorSpec other = spec();
  other.row_shape = std::move(shape);
  return Tensor(state_->view(std::move(other), 0, rows()));
}

Tensor Tensor::viewed_as(TensorSpec other) const {
  if (other.stored_row_bytes() != spec().stored_row_bytes())
    not_possible("shape-mismatch", fmt::format("cannot view {} as {}", spec().describe(), other.describe()));
  return Tensor(state_->view(std::move(other), 0, rows()));
}

Tensor Tensor::slice(std::int64_t first, std::int64_t count) const {
  if (first < 0 || count < 0 || first > rows() - count)
    not_possible("rows-mismatch", fmt::format("rows {} to {} of {}", first, first + count, counted(rows(), "row")));
  return Tensor(state_->view(spec(), first, count));
}

void Tensor::require_stored(DType wanted) const {
  if (spec().stored_dtype() != wanted)
    not_possible("dtype-mismatch",
                 fmt::format("wanted stored {}, the tensor is {}", to_string(wanted), spec().describe()));
}

OutTensor::OutTensor(TensorSpec spec, std::int64_t rows, Allocator& allocator)
    : spec_(std::move(spec)),
      rows_(rows),
      bytes_(allocator.allocate(checked_multiply(static_cast<std::uint64_t>(rows), spec_.stored_row_bytes()))),
      allocator_(&allocator) {}

Tensor OutTensor::freeze() && { return {std::move(spec_), rows_, std::move(bytes_), allocator_}; }

Tensor OutTensor::freeze(std::int64_t rows) && { return std::move(*this).freeze(rows, Event()); }

Tensor OutTensor::freeze(std::int64_t rows, Event ready) && {
  if (rows < 0 || rows > rows_) not_possible("rows-mismatch", fmt::format("{} of {}", counted(rows, "row"), rows_));
  return {std::move(spec_), rows, std::move(bytes_), allocator_, std::move(ready)};
}

void OutTensor::require_stored(DType wanted) const {
  if (spec_.stored_dtype() != wanted)
    not_possible("dtype-mismatch",
                 fmt::format("wanted stored {}, the tensor is {}", to_string(wanted), spec_.describe()));
}

}  // namespace millrace
