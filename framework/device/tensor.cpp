// A tensor points to immutable state, and a view is new state over the same bytes. Decoded float32 values and gathered rows of a table are
// lazy: the first who asks computes them, under std::call_once.
#include <millrace/detail/counted.hpp>
#include <millrace/device.hpp>
#include <millrace/error.hpp>
#include <millrace/resident_table.hpp>
#include <millrace/tensor.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <numeric>

namespace millrace {
namespace {

[[noreturn]] void not_possible(const char* name, std::string message) {
  throw Error(ErrorKind::run, name, std::move(message));
}

template <class T>
void convert(const std::byte* stored, std::int64_t count, float* out) {
  const T* values = reinterpret_cast<const T*>(stored);
  for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(values[i]);
}

void convert_dense(DType dtype, const std::byte* stored, std::int64_t count, float* out) {
  switch (dtype) {
    case DType::u8:
      return convert<std::uint8_t>(stored, count, out);
    case DType::i8:
      return convert<std::int8_t>(stored, count, out);
    case DType::i16:
      return convert<std::int16_t>(stored, count, out);
    case DType::i32:
      return convert<std::int32_t>(stored, count, out);
    case DType::f32:
      std::memcpy(out, stored, static_cast<std::size_t>(count) * sizeof(float));
      return;
    case DType::f64:
      return convert<double>(stored, count, out);
  }
}

// Two roundings, since this file is built without contraction; four times as fast as looking bytes up in the table.
void decode_affine(const Encoding& encoding, const std::uint8_t* stored, std::int64_t count, float* out) {
  const float scale = encoding.scale, offset = encoding.offset;
  for (std::int64_t i = 0; i < count; ++i) {
    const float product = static_cast<float>(stored[i]) * scale;
    out[i] = product + offset;
  }
}

template <class T>
void expand_indicator(const std::byte* stored, std::int64_t rows, std::int64_t classes, float* out) {
  const T* ids = reinterpret_cast<const T*>(stored);
  std::fill_n(out, rows * classes, 0.0F);
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto id = static_cast<std::int64_t>(ids[r]);
    if (id < 0 || id >= classes)
      not_possible("label-out-of-range", fmt::format("row {} has class {}, classes {}", r, id, classes));
    out[r * classes + id] = 1.0F;
  }
}

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
    case DType::i8:
      return 1;
    case DType::i16:
      return 2;
    case DType::i32:
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
  }
  return 0;
}

std::string_view to_string(DType dtype) {
  constexpr std::array<std::string_view, 6> kNames{"u8", "i8", "i16", "i32", "f32", "f64"};
  return kNames.at(static_cast<std::size_t>(dtype));
}

std::string_view to_string(EncodingKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"dense", "affine_u8", "indicator"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::uint64_t checked_multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    throw Error(ErrorKind::data, "size-overflow", fmt::format("{} x {} does not fit into 64 bits", a, b));
  return product;
}

std::int64_t elements_of(const RowShape& shape) {
  std::uint64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw Error(ErrorKind::data, "size-overflow", fmt::format("extent {} is negative", extent));
    product = checked_multiply(product, static_cast<std::uint64_t>(extent));
  }
  if (product > static_cast<std::uint64_t>(INT64_MAX))
    throw Error(ErrorKind::data, "size-overflow", fmt::format("a row of {} elements is too large", product));
  return static_cast<std::int64_t>(product);
}

std::string to_string(const RowShape& shape) {
  std::string text = "[n";
  for (const std::int64_t extent : shape) text += fmt::format(", {}", extent);
  return text + "]";
}

DType TensorSpec::stored_dtype() const {
  switch (encoding.kind) {
    case EncodingKind::dense:
      return dtype;
    case EncodingKind::affine_u8:
      return DType::u8;
    case EncodingKind::indicator:
      return encoding.classes <= 256 ? DType::u8 : DType::i32;
  }
  return dtype;
}

std::int64_t TensorSpec::stored_elements() const {
  return encoding.kind == EncodingKind::indicator ? 1 : elements_of(row_shape);
}

std::size_t TensorSpec::stored_row_bytes() const {
  return checked_multiply(static_cast<std::uint64_t>(stored_elements()), size_of(stored_dtype()));
}

std::size_t TensorSpec::logical_row_bytes() const {
  return checked_multiply(static_cast<std::uint64_t>(elements_of(row_shape)), size_of(dtype));
}

std::string TensorSpec::describe() const {
  std::string text = fmt::format("{} {}", to_string(dtype), to_string(row_shape));
  if (range) text += fmt::format(" in [{}, {}]", range->lo, range->hi);
  if (encoding.kind != EncodingKind::dense) text += fmt::format(" as {}", to_string(encoding.kind));
  return text;
}

void affine_table(const Encoding& encoding, std::span<float, 256> out) {
  std::array<std::uint8_t, 256> all{};
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  decode_affine(encoding, all.data(), static_cast<std::int64_t>(all.size()), out.data());
}

void decode_f32(const TensorSpec& spec, const std::byte* stored, std::int64_t rows, float* out) {
  const std::int64_t count = rows * elements_of(spec.row_shape);
  switch (spec.encoding.kind) {
    case EncodingKind::dense:
      return convert_dense(spec.dtype, stored, count, out);
    case EncodingKind::affine_u8:
      return decode_affine(spec.encoding, reinterpret_cast<const std::uint8_t*>(stored), count, out);
    case EncodingKind::indicator:
      if (spec.stored_dtype() == DType::u8)
        return expand_indicator<std::uint8_t>(stored, rows, spec.encoding.classes, out);
      return expand_indicator<std::int32_t>(stored, rows, spec.encoding.classes, out);
  }
}

namespace {

/// Rows of a table, whose bytes are brought together when somebody asks for them. All views of a tensor share it.
class TableRows {
 public:
  TableRows(std::shared_ptr<const ResidentTable> table, RowNumbers numbers)
      : table_(std::move(table)), numbers_(std::move(numbers)) {}
  const std::shared_ptr<const ResidentTable>& table() const { return table_; }
  const RowNumbers& numbers() const { return numbers_; }
  const std::byte* bytes() const {
    std::call_once(once_, [this] {
      bytes_ = table_->memory().allocate(numbers_->size() * table_->row_bytes());
      const auto count = static_cast<std::int64_t>(numbers_->size());
      gather_on_host(
          {bytes_.get(), table_->on_host().bytes(), table_->rows(), table_->row_bytes(), numbers_->data(), count});
    });
    return bytes_.get();
  }

 private:
  std::shared_ptr<const ResidentTable> table_;
  RowNumbers numbers_;
  mutable std::once_flag once_;
  mutable std::shared_ptr<std::byte> bytes_;
};

}  // namespace

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

ResidentTable::ResidentTable(Tensor on_host, Tensor on_device, Allocator& memory)
    : on_host_(std::move(on_host)), on_device_(std::move(on_device)), memory_(&memory) {
  if (on_host_.rows() != on_device_.rows() || row_bytes() != on_device_.spec().stored_row_bytes())
    not_possible("shape-mismatch", fmt::format("{} of {} on the host, {} of {} on the device",
                                               counted(on_host_.rows(), "row"), on_host_.spec().describe(),
                                               counted(on_device_.rows(), "row"), on_device_.spec().describe()));
}

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

Tensor::Tensor(TensorSpec spec, std::shared_ptr<const ResidentTable> table, RowNumbers numbers) {
  if (spec.stored_row_bytes() != table->row_bytes())
    not_possible("shape-mismatch",
                 fmt::format("cannot view {} as {}", table->on_host().spec().describe(), spec.describe()));
  for (const std::uint32_t number : *numbers)
    if (number >= table->rows())
      not_possible("rows-mismatch", fmt::format("row {} of {}", number, counted(table->rows(), "row")));
  auto state = std::make_shared<State>();
  state->spec = std::move(spec);
  state->rows = static_cast<std::int64_t>(numbers->size());
  state->allocator = &table->memory();
  state->from = std::make_shared<const TableRows>(std::move(table), std::move(numbers));
  state_ = std::move(state);
}

namespace {

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
