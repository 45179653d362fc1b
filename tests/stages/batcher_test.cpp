// Blocks of any size become batches: values, sample ids and ends of epochs row by row; encoded tensors, whole blocks and rows of tables.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/resident_table.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <numeric>

using namespace millrace;
using namespace millrace::testing;

namespace {

/// Rows [first, first + count) of an epoch: a vector (row, row + 0.5) and a label row % 7.
std::vector<std::pair<std::string, Tensor>> block(std::int64_t first, std::int64_t count) {
  std::vector<float> vectors;
  std::vector<std::uint8_t> labels;
  for (std::int64_t row = first; row < first + count; ++row) {
    vectors.insert(vectors.end(), {static_cast<float>(row), static_cast<float>(row) + 0.5F});
    labels.push_back(static_cast<std::uint8_t>(row % 7));
  }
  return {{"inputs", rows<float>({2}, vectors)}, {"targets", rows<std::uint8_t>({}, labels)}};
}

/// Pushes an epoch in blocks and returns its batches, having checked what each holds.
std::vector<std::int64_t> batches_of_epoch(StageTester& t, const std::vector<std::int64_t>& blocks) {
  std::int64_t pushed = 0;
  const std::int64_t total = std::accumulate(blocks.begin(), blocks.end(), std::int64_t{0});
  for (const std::int64_t rows : blocks) {
    t.push_joined(block(pushed, rows), pushed + rows == total);
    pushed += rows;
  }
  std::vector<std::int64_t> batches;
  std::int64_t row = 0;
  while (t.has_output("out")) {
    const Packet packet = t.pop();
    CHECK(packet.header.first_row == static_cast<std::uint64_t>(row));
    CHECK(packet.header.last_in_epoch == (row + packet.rows == total));
    CHECK(packet.fields[0].name == "inputs");
    CHECK(packet.fields[1].name == "targets");
    const auto x = packet.tensor("inputs").f32();
    const auto y = packet.tensor("targets").stored<std::uint8_t>();
    for (std::int64_t i = 0; i < packet.rows; ++i, ++row) {
      const auto at = static_cast<std::size_t>(i);
      CHECK(packet.sample_ids()[at] == static_cast<std::uint64_t>(row));
      CHECK(x[2 * at] == static_cast<float>(row));
      CHECK(x[2 * at + 1] == static_cast<float>(row) + 0.5F);
      CHECK(y[at] == row % 7);
    }
    batches.push_back(packet.rows);
  }
  CHECK(row == total);
  return batches;
}

using Rows = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("Blocks of any size become batches of one size; the last one may be short") {
  const auto [size, blocks, expected] = GENERATE(table<int, Rows, Rows>({{4, {10}, {4, 4, 2}},
                                                                         {4, {3, 3, 3}, {4, 4, 1}},
                                                                         {4, {4, 4}, {4, 4}},
                                                                         {4, {8}, {4, 4}},
                                                                         {4, {1, 1, 1}, {3}},
                                                                         {1, {3}, {1, 1, 1}},
                                                                         {4, {4, 3}, {4, 3}},
                                                                         {4, {2, 4, 2}, {4, 4}},
                                                                         {7, {1}, {1}}}));
  StageTester t("batcher", {{"batch_size", size}});
  CHECK(batches_of_epoch(t, blocks) == expected);
}

TEST_CASE("An epoch begins with a fresh batch") {
  StageTester t("batcher", {{"batch_size", 4}});
  CHECK(batches_of_epoch(t, {6}) == Rows{4, 2});
  CHECK(batches_of_epoch(t, {6}) == Rows{4, 2});
}

TEST_CASE("An epoch that ends with an empty block ends for those downstream too") {
  StageTester full("batcher", {{"batch_size", 2}}), part("batcher", {{"batch_size", 2}});
  full.push_joined(block(0, 2));
  full.push_joined(block(2, 0), true);
  CHECK_FALSE(full.pop().header.last_in_epoch);
  const Packet empty = full.pop();
  CHECK(empty.rows == 0);
  CHECK(empty.header.last_in_epoch);
  part.push_joined(block(0, 1));
  CHECK_FALSE(part.has_output("out"));
  part.push_joined(block(1, 0), true);
  const Packet rest = part.pop();
  CHECK(rest.rows == 1);
  CHECK(rest.header.last_in_epoch);
}

TEST_CASE("Encoded tensors are batched as they are stored") {
  StageTester normalize("normalize", {{"scale", 1.0 / 255}}), one_hot("one_hot", {{"classes", 3}}),
      t("batcher", {{"batch_size", 2}});
  normalize.push("in", rows<std::uint8_t>({2}, {0, 1, 2, 3, 254, 255}));
  one_hot.push("in", rows<std::uint8_t>({}, {2, 0, 1}));
  const Tensor x = normalize.pop().tensor(), y = one_hot.pop().tensor();
  t.push_joined({{"x", x}, {"y", y}}, true);
  std::vector<float> pixels, classes;
  for (int i = 0; i < 2; ++i) {
    const Packet packet = t.pop();
    CHECK(packet.tensor("x").spec().encoding == x.spec().encoding);
    CHECK(packet.tensor("y").spec().encoding == y.spec().encoding);
    pixels.insert(pixels.end(), packet.tensor("x").f32().begin(), packet.tensor("x").f32().end());
    classes.insert(classes.end(), packet.tensor("y").f32().begin(), packet.tensor("y").f32().end());
  }
  CHECK(std::equal(pixels.begin(), pixels.end(), x.f32().begin(), x.f32().end()));
  CHECK(std::equal(classes.begin(), classes.end(), y.f32().begin(), y.f32().end()));
}

TEST_CASE("A block that is a whole batch is passed on without a copy") {
  StageTester t("batcher", {{"batch_size", 3}});
  const auto whole = block(0, 3);
  t.push_joined(whole, true);
  CHECK(t.pop().tensor("inputs").bytes() == whole[0].second.bytes());
}

TEST_CASE("Inputs of different numbers of rows are refused before the run") {
  StageTester t("batcher", {{"batch_size", 3}});
  t.input("a", PortSpec::single({DType::f32, {1}, {}, {}, {}}, 60000, 256));
  t.input("b", PortSpec::single({DType::f32, {1}, {}, {}, {}}, 10000, 256));
  const auto errors = t.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "rows-mismatch");
  CHECK(errors[0].site.path == "b");
}

TEST_CASE("A record cannot be a field of a batch") {
  StageTester t("batcher", {{"batch_size", 3}});
  PortSpec record = PortSpec::single({DType::f32, {1}, {}, {}, {}}, 10, 2);
  record.fields.push_back({"more", record.fields[0].spec});
  t.input("a", record);
  REQUIRE(t.infer().size() == 1);
  CHECK(t.infer()[0].name == "not-a-single-tensor");
}

TEST_CASE("The output says how many rows a batch and an epoch have") {
  StageTester t("batcher", {{"batch_size", 32}});
  t.input("x", PortSpec::single({DType::u8, {4}, ValueRange{0, 255}, {}, {}}, 100, 256));
  const PortSpec& out = t.output_spec("out");
  CHECK(out.max_rows == 32);
  CHECK(out.rows_per_epoch == 100);
  CHECK(out.find("x")->row_shape == RowShape{4});
}

TEST_CASE("A batch has at least one row") {
  CHECK(error_of([] { StageTester("batcher", {{"batch_size", 0}}); }).name() == "out-of-range");
  CHECK(error_of([] { StageTester("batcher"); }).name() == "missing-parameter");
}

TEST_CASE("Rows of tables are batched by their numbers, and fields of the same rows share one list") {
  const auto memory = make_host_allocator();
  const auto table_of = [&](const Tensor& rows) { return std::make_shared<const ResidentTable>(rows, rows, *memory); };
  const auto pixels = table_of(rows<std::uint8_t>({2}, {0, 1, 10, 11, 20, 21, 30, 31}));
  const auto labels = table_of(rows<std::uint8_t>({}, {5, 6, 7, 8}));
  const auto shown = [&](const auto& table, std::vector<std::uint32_t> which) {
    return Tensor(table->on_host().spec(), table, std::make_shared<const std::vector<std::uint32_t>>(std::move(which)));
  };
  StageTester t("batcher", {{"batch_size", 3}});
  t.push_joined({{"x", shown(pixels, {3, 1})}, {"y", shown(labels, {3, 1})}});
  t.push_joined({{"x", shown(pixels, {0, 2})}, {"y", shown(labels, {0, 2})}});
  t.push_joined({{"x", rows<std::uint8_t>({2}, {90, 91})}, {"y", shown(labels, {1})}}, true);
  const Packet first = t.pop(), second = t.pop();
  CHECK(memory->live_bytes() == 0);  // what was read for the batch with both kinds of rows has gone
  CHECK(first.tensor("x").table() == pixels);
  CHECK(first.tensor("y").table() == labels);
  CHECK(first.tensor("x").table_rows().data() == first.tensor("y").table_rows().data());
  CHECK(first.tensor("x").stored<std::uint8_t>()[4] == 0);
  CHECK(second.tensor("x").table() == nullptr);
  const auto mixed = second.tensor("x").stored<std::uint8_t>();
  CHECK(std::vector<int>(mixed.begin(), mixed.end()) == std::vector<int>{20, 21, 90, 91});
  CHECK(second.tensor("y").table() == labels);
  CHECK(second.tensor("y").stored<std::uint8_t>()[1] == 6);
}
