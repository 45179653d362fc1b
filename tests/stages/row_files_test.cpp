// npy_loader and row_file on generated files.
#include "catch.hpp"
#include "error_of.hpp"
#include "idx_fixture.hpp"

#include <millrace/files/npy.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <numeric>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

template <class T>
Bytes npy_of(NpyType type, const std::vector<std::int64_t>& shape, const std::vector<T>& values) {
  return npy_header_text(type, shape) + Bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

std::vector<std::uint8_t> pixels(std::size_t count) {
  std::vector<std::uint8_t> values(count);
  std::iota(values.begin(), values.end(), std::uint8_t{0});
  return values;
}

/// What an epoch sends on a port, row after row.
struct EpochRows {
  std::vector<std::uint64_t> ids;
  std::vector<std::uint8_t> bytes;
  std::vector<std::int64_t> blocks;
};

EpochRows pull_epoch(StageTester& t, const std::string& port, const std::string& other = "") {
  EpochRows epoch;
  for (bool last = false; !last;) {
    t.pull();
    const Packet packet = t.pop(port);
    if (!other.empty()) CHECK(std::ranges::equal(t.pop(other).sample_ids(), packet.sample_ids()));
    CHECK(packet.header.first_row == epoch.ids.size());
    epoch.ids.insert(epoch.ids.end(), packet.sample_ids().begin(), packet.sample_ids().end());
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(packet.tensor().bytes());
    epoch.bytes.insert(epoch.bytes.end(), bytes, bytes + packet.tensor().size_bytes());
    epoch.blocks.push_back(packet.rows);
    last = packet.header.last_in_epoch;
  }
  return epoch;
}

}  // namespace

TEST_CASE("npy_loader sends rows in blocks, in order or shuffled, each with what belongs to it") {
  const TempFolder folder;
  const std::string x = folder.file("x.npy", npy_of(NpyType::u1, {50, 2, 2}, pixels(200)));
  std::vector<std::int64_t> labels(50);
  std::iota(labels.begin(), labels.end(), 0);
  const std::string y = folder.file("y.npy", npy_of(NpyType::i8, {50}, labels));
  const bool shuffles = GENERATE(false, true);
  StageTester t("npy_loader", {{"inputs", x}, {"targets", y}, {"block_rows", 20}, {"shuffle", shuffles}});
  CHECK(t.output_spec("inputs").only().row_shape == RowShape{2, 2});
  CHECK(t.output_spec("targets").only().dtype == DType::i32);
  const EpochRows epoch = pull_epoch(t, "inputs", "targets");
  CHECK(epoch.blocks == std::vector<std::int64_t>{20, 20, 10});
  for (std::size_t i = 0; i < epoch.ids.size(); ++i)
    CHECK(epoch.bytes[4 * i] == static_cast<std::uint8_t>(4 * epoch.ids[i]));
  CHECK(std::is_sorted(epoch.ids.begin(), epoch.ids.end()) != shuffles);
}

TEST_CASE("npy_loader takes some rows, and none of targets that are not there") {
  const TempFolder folder;
  const std::string x = folder.file("x.npy", npy_of(NpyType::u1, {50, 4}, pixels(200)));
  StageTester t("npy_loader", {{"inputs", x}, {"rows", ParamValue::List{10, 5}}});
  CHECK(t.output_spec("targets").only().row_shape == RowShape{0});
  const EpochRows epoch = pull_epoch(t, "inputs", "targets");
  CHECK(epoch.ids == std::vector<std::uint64_t>{10, 11, 12, 13, 14});
  CHECK(epoch.bytes.front() == 40);
}

TEST_CASE("row_file gives the rows of IDX and NumPy files alike, raw and gzip, anew in every epoch") {
  const TempFolder folder;
  const bool is_npy = GENERATE(false, true), packed = GENERATE(false, true);
  const Bytes content = is_npy ? npy_of(NpyType::u1, {7, 2, 3}, pixels(42)) : idx_of_bytes({7, 2, 3}, pixels(42));
  StageTester t("row_file", {{"file", folder.file("rows", packed ? gzip(content) : content)}, {"block_rows", 3}});
  CHECK(t.output_spec("out").only().row_shape == RowShape{2, 3});
  CHECK(t.output_spec("out").rows_per_epoch == 7);
  for (int epoch = 0; epoch < 2; ++epoch) {
    const EpochRows rows = pull_epoch(t, "out");
    CHECK(rows.blocks == std::vector<std::int64_t>{3, 3, 1});
    CHECK(rows.bytes == pixels(42));
    CHECK(rows.ids == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6});
  }
}

TEST_CASE("what is wrong with a file is told by name and parameter") {
  const TempFolder folder;
  const auto refused = [&](ParamValue::Map params) {
    return error_of([&] { StageTester("npy_loader", std::move(params)).pull(); });
  };
  const std::string x = folder.file("x.npy", npy_of(NpyType::u1, {3, 2}, pixels(6)));
  CHECK(refused({{"inputs", folder.file("none.npy", npy_of(NpyType::u1, {}, pixels(1)))}}).name() == "npy-shape");
  CHECK(refused({{"inputs", folder.file("empty.npy", npy_of(NpyType::u1, {0, 4}, pixels(0)))}}).name() == "npy-shape");
  CHECK(refused({{"inputs", x}, {"targets", folder.file("y.npy", npy_of(NpyType::u1, {4}, pixels(4)))}}).name() ==
        "rows-mismatch");
  CHECK(refused({{"inputs", x}, {"max_bytes", 5}}).name() == "npy-limit");
  CHECK(refused({{"inputs", x}, {"rows", ParamValue::List{2, 2}}}).name() == "row-range");
  const std::string wide = folder.file("wide.npy", npy_of(NpyType::i8, {2}, std::vector<std::int64_t>{1, 1LL << 40}));
  const Error error = refused({{"inputs", x}, {"targets", wide}, {"rows", ParamValue::List{0, 2}}});
  CHECK(error.name() == "rows-mismatch");
  const Error range = refused({{"inputs", wide}});
  CHECK(range.name() == "npy-range");
  CHECK_THAT(range.message(), ContainsSubstring("row 1"));
}

TEST_CASE("a file that has changed since the check is refused") {
  const TempFolder folder;
  const std::string path = folder.file("x.npy", npy_of(NpyType::u1, {3, 2}, pixels(6)));
  StageTester t("row_file", {{"file", path}});
  static_cast<void>(t.output_spec("out"));
  folder.file("x.npy", npy_of(NpyType::u1, {2, 3}, pixels(6)));
  CHECK(error_of([&] { t.pull(); }).name() == "file-changed");
}
