// Encodings decoded to float32, views that share their bytes, rows of resident tables, and sizes that overflow.
#include "catch.hpp"

#include <functional>

#include <millrace/device.hpp>
#include <millrace/error.hpp>
#include <millrace/resident_table.hpp>
#include <millrace/tensor.hpp>

#include <cstring>
#include <thread>

using namespace millrace;
using Catch::Matchers::ContainsSubstring;

namespace {

Allocator& memory() {
  static const std::unique_ptr<Allocator> allocator = make_host_allocator();
  return *allocator;
}

template <class T>
Tensor make(RowShape shape, const std::vector<T>& values, Encoding encoding = {}, DType dtype = dtype_of<T>()) {
  TensorSpec spec{dtype, std::move(shape), {}, encoding, {}};
  const auto rows = static_cast<std::int64_t>(values.size()) / spec.stored_elements();
  OutTensor out(spec, rows, memory());
  std::memcpy(out.bytes(), values.data(), values.size() * sizeof(T));
  return std::move(out).freeze();
}

std::string name_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.name();
  }
  return "no error";
}

}  // namespace

TEST_CASE("every dense type is read as float32") {
  CHECK(make<std::uint8_t>({2}, {0, 255}).f32()[1] == 255.0F);
  CHECK(make<std::int8_t>({2}, {-128, 1}).f32()[0] == -128.0F);
  CHECK(make<std::int16_t>({1}, {-32768}).f32()[0] == -32768.0F);
  CHECK(make<std::int32_t>({1}, {-5}).f32()[0] == -5.0F);
  CHECK(make<float>({1}, {0.1F}).f32()[0] == 0.1F);
  CHECK(make<double>({1}, {0.1}).f32()[0] == 0.1F);
}

TEST_CASE("affine_u8 decodes every byte with two roundings") {
  Encoding encoding{EncodingKind::affine_u8, 1.0F / 255.0F, -0.1307F, 0};
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const Tensor t = make<std::uint8_t>({256}, bytes, encoding, DType::f32);
  CHECK(t.size_bytes() == 256);
  for (std::size_t i = 0; i < 256; ++i) {
    volatile float product = static_cast<float>(i) * encoding.scale;  // volatile: the compiler must round here
    CHECK(t.f32()[i] == product + encoding.offset);
  }
}

TEST_CASE("an indicator is 1 at its class and 0 elsewhere") {
  const Tensor t = make<std::uint8_t>({3}, {2, 0}, {EncodingKind::indicator, 1, 0, 3}, DType::f32);
  const std::vector<float> expected{0, 0, 1, 1, 0, 0};
  CHECK(std::vector<float>(t.f32().begin(), t.f32().end()) == expected);
  CHECK(t.spec().stored_row_bytes() == 1);
  const Tensor wide = make<std::int32_t>({300}, {299}, {EncodingKind::indicator, 1, 0, 300}, DType::f32);
  CHECK(wide.f32()[299] == 1.0F);
  CHECK(wide.spec().stored_row_bytes() == 4);
  const Tensor bad = make<std::uint8_t>({3}, {3}, {EncodingKind::indicator, 1, 0, 3}, DType::f32);
  CHECK(name_of([&] { bad.f32(); }) == "label-out-of-range");
}

TEST_CASE("a decoded copy is made once, however many ask, and charged to the allocator") {
  const Tensor t =
      make<std::uint8_t>({4096}, std::vector<std::uint8_t>(4096, 7), {EncodingKind::affine_u8, 1, 0, 0}, DType::f32);
  const std::size_t before = memory().live_bytes();
  std::vector<const float*> seen(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { seen[i] = t.f32().data(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(std::equal(seen.begin() + 1, seen.end(), seen.begin()));
  CHECK(memory().live_bytes() - before == 4096 * sizeof(float));
}

TEST_CASE("reshape, view and slice share the bytes") {
  const Tensor t = make<std::uint8_t>({2, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Tensor flat = t.reshaped({6});
  CHECK(flat.bytes() == t.bytes());
  CHECK(flat.spec().row_shape == RowShape{6});
  const Tensor second = t.slice(1, 1);
  CHECK(second.bytes() == t.bytes() + 6);
  CHECK(second.rows() == 1);
  CHECK(second.f32()[0] == 6.0F);
  TensorSpec affine = t.spec();
  affine.dtype = DType::f32;
  affine.encoding = {EncodingKind::affine_u8, 0.5F, 0, 0};
  CHECK(t.viewed_as(affine).f32()[11] == 5.5F);
}

TEST_CASE("what cannot be reshaped, viewed or sliced is refused by name") {
  const Tensor t = make<std::uint8_t>({2, 3}, {0, 1, 2, 3, 4, 5});
  CHECK(name_of([&] { t.reshaped({5}); }) == "shape-mismatch");
  CHECK(name_of([&] { t.viewed_as({DType::f32, {6}, {}, {}, {}}); }) == "shape-mismatch");
  CHECK(name_of([&] { t.slice(1, 1); }) == "rows-mismatch");
  CHECK(name_of([&] { t.stored<float>(); }) == "dtype-mismatch");
  CHECK(name_of([&] {
          make<std::uint8_t>({3}, {1}, {EncodingKind::indicator, 1, 0, 3}).reshaped({3});
        }) == "encoding-mismatch");
}

TEST_CASE("a tensor of nothing says so, whatever it is asked") {
  const Tensor made;
  Tensor given = make<float>({1}, {1, 2});
  const Tensor taken = std::move(given);
  for (const Tensor& empty : {made, given}) {  // NOLINT(bugprone-use-after-move): what is left is the question
    CHECK_FALSE(empty);
    const std::vector<std::function<void()>> questions = {
        [&] { empty.spec(); },       [&] { empty.rows(); },          [&] { empty.bytes(); },
        [&] { empty.size_bytes(); }, [&] { empty.ready(); },         [&] { empty.table(); },
        [&] { empty.table_rows(); }, [&] { empty.stored<float>(); }, [&] { empty.f32(); },
        [&] { empty.reshaped({}); }, [&] { empty.viewed_as({}); },   [&] { empty.slice(0, 0); }};
    for (const auto& question : questions) CHECK(name_of(question) == "empty-tensor");
  }
  CHECK(taken.rows() == 2);
}

TEST_CASE("sizes that overflow are refused before anything is allocated") {
  CHECK(name_of([] { elements_of({1LL << 32, 1LL << 32}); }) == "size-overflow");
  CHECK(name_of([] { elements_of({-1}); }) == "size-overflow");
  CHECK(name_of([] { checked_multiply(1ULL << 63, 2); }) == "size-overflow");
  CHECK(checked_multiply(1ULL << 31, 1ULL << 31) == 1ULL << 62);
}

TEST_CASE("a writer keeps the rows it filled") {
  OutTensor out({DType::u8, {2}, {}, {}, {}}, 4, memory());
  out.values<std::uint8_t>()[0] = 9;
  const Tensor t = std::move(out).freeze(1);
  CHECK(t.rows() == 1);
  CHECK(t.size_bytes() == 2);
  CHECK(t.f32()[0] == 9.0F);
}

TEST_CASE("a spec describes itself") {
  TensorSpec spec{DType::u8, {28, 28}, ValueRange{0, 255}, {}, {}};
  CHECK(spec.describe() == "u8 [n, 28, 28] in [0, 255]");
  spec.encoding.kind = EncodingKind::affine_u8;
  CHECK_THAT(spec.describe(), ContainsSubstring("as affine_u8"));
  CHECK(spec.logical_row_bytes() == 784);
}

namespace {

/// A table of three rows {0, 1}, {10, 11}, {20, 21}; its copy "on the device" holds other bytes, so that it shows who reads it.
std::shared_ptr<const ResidentTable> small_table(Allocator& rows_go_to) {
  return std::make_shared<const ResidentTable>(make<std::uint8_t>({2}, {0, 1, 10, 11, 20, 21}),
                                               make<std::uint8_t>({2}, {7, 7, 7, 7, 7, 7}), rows_go_to);
}
RowNumbers numbers(std::vector<std::uint32_t> rows) {
  return std::make_shared<const std::vector<std::uint32_t>>(std::move(rows));
}
std::vector<int> values_of(const Tensor& t) {
  return {reinterpret_cast<const std::uint8_t*>(t.bytes()),
          reinterpret_cast<const std::uint8_t*>(t.bytes()) + t.size_bytes()};
}

}  // namespace

TEST_CASE("rows of a table remain those rows as views and slices, and are brought together once, when they are read") {
  const auto own = make_host_allocator();
  const auto table = small_table(*own);
  Tensor all({DType::u8, {2}, {}, {}, {}}, table, numbers({2, 0, 1, 2}));
  const Tensor part = all.reshaped({1, 2}).slice(1, 3);
  const Tensor affine = part.slice(1, 2).viewed_as({DType::f32, {2}, {}, {EncodingKind::affine_u8, 0.5F, 1, 0}, {}});
  CHECK(all.size_bytes() == 8);
  CHECK(part.table() == table);
  CHECK(std::vector<std::uint32_t>(part.table_rows().begin(), part.table_rows().end()) ==
        std::vector<std::uint32_t>{0, 1, 2});
  CHECK(affine.table_rows().size() == 2);
  CHECK_FALSE(all.ready().state());
  CHECK(own->live_bytes() == 0);
  CHECK(values_of(part) == std::vector<int>{0, 1, 10, 11, 20, 21});
  const std::size_t once = own->live_bytes();
  CHECK(once >= 8);
  CHECK(values_of(all) == std::vector<int>{20, 21, 0, 1, 10, 11, 20, 21});
  CHECK(all.stored<std::uint8_t>()[1] == 21);
  CHECK(own->live_bytes() == once);
  CHECK(affine.f32()[0] == 6.0F);
  CHECK(affine.f32()[3] == 11.5F);
}

TEST_CASE("rows that a table does not have are refused") {
  const auto table = small_table(memory());
  const TensorSpec spec{DType::u8, {2}, {}, {}, {}};
  CHECK(name_of([&] { Tensor(spec, table, numbers({0, 3})); }) == "rows-mismatch");
  CHECK(name_of([&] { Tensor({DType::u8, {3}, {}, {}, {}}, table, numbers({0})); }) == "shape-mismatch");
  CHECK(name_of([&] {
          ResidentTable(make<std::uint8_t>({2}, {0, 1}), make<std::uint8_t>({2}, {0, 1, 2, 3}), memory());
        }) == "shape-mismatch");
  CHECK_FALSE(make<std::uint8_t>({2}, {0, 1}).table());
  CHECK(make<std::uint8_t>({2}, {0, 1}).table_rows().empty());
  CHECK(Tensor(spec, table, numbers({})).rows() == 0);
}

TEST_CASE("the CPU gathers rows at once, and a device that cannot says so") {
  const std::vector<std::uint8_t> table{1, 2, 3, 4, 5, 6};
  const std::uint32_t rows[] = {2, 0};
  std::vector<std::uint8_t> to(4);
  const RowGather gather{
      reinterpret_cast<std::byte*>(to.data()), reinterpret_cast<const std::byte*>(table.data()), 3, 2, rows, 2};
  open_device({"cpu", 0})->make_stream()->gather({&gather, 1});
  CHECK(to == std::vector<std::uint8_t>{5, 6, 1, 2});
  struct Plain final : Stream {
    void copy(void*, const void*, std::size_t) override {}
    Event record() override { return {}; }
    void wait(const Event&) override {}
  } plain;
  CHECK(name_of([&] { plain.gather({&gather, 1}); }) == "cannot-gather");
}
