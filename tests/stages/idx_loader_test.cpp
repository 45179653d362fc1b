// Blocks, shuffling, row ranges, element types and refusals on generated files; MNIST and Fashion-MNIST themselves where they are installed.
#include "catch.hpp"
#include "error_of.hpp"
#include "idx_fixture.hpp"

#include <millrace/dataset.hpp>
#include <millrace/random.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <numeric>
#include <set>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Row i of `count` images of 2 x 2 holds 4 i, 4 i + 1, ...; its label is i % 10.
struct SmallSet {
  explicit SmallSet(std::uint32_t count, bool packed = false) {
    std::vector<std::uint8_t> pixels(4 * count), classes(count);
    std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
    for (std::uint32_t i = 0; i < count; ++i) classes[i] = static_cast<std::uint8_t>(i % 10);
    const Bytes image_bytes = idx_of_bytes({count, 2, 2}, pixels), label_bytes = idx_of_bytes({count}, classes);
    images = folder.file("images", packed ? gzip(image_bytes) : image_bytes);
    labels = folder.file("labels", packed ? gzip(label_bytes) : label_bytes);
  }
  ParamValue::Map params(ParamValue::Map more = {}) const {
    more.insert(more.begin(), {{"images", images}, {"labels", labels}});
    return more;
  }
  TempFolder folder;
  std::string images, labels;
};

/// Everything an epoch sends, block by block.
struct EpochRows {
  std::vector<std::int64_t> blocks;
  std::vector<std::uint64_t> ids;
  std::vector<std::uint8_t> pixels, labels;
};

EpochRows pull_epoch(StageTester& t) {
  EpochRows epoch;
  for (bool last = false; !last;) {
    const Packet images = (t.pull(), t.pop("images")), labels = t.pop("labels");
    CHECK(images.header.first_row == epoch.ids.size());
    CHECK(labels.header.first_row == epoch.ids.size());
    CHECK(labels.rows == images.rows);
    CHECK(std::ranges::equal(labels.sample_ids(), images.sample_ids()));
    epoch.blocks.push_back(images.rows);
    epoch.ids.insert(epoch.ids.end(), images.sample_ids().begin(), images.sample_ids().end());
    const auto p = images.tensor().stored<std::uint8_t>(), l = labels.tensor().stored<std::uint8_t>();
    epoch.pixels.insert(epoch.pixels.end(), p.begin(), p.end());
    epoch.labels.insert(epoch.labels.end(), l.begin(), l.end());
    last = images.header.last_in_epoch;
    CHECK(labels.header.last_in_epoch == last);
  }
  return epoch;
}

void check_rows_belong_to_ids(const EpochRows& epoch) {
  for (std::size_t i = 0; i < epoch.ids.size(); ++i) {
    CAPTURE(i);
    CHECK(epoch.pixels[4 * i] == static_cast<std::uint8_t>(4 * epoch.ids[i]));
    CHECK(epoch.pixels[4 * i + 3] == static_cast<std::uint8_t>(4 * epoch.ids[i] + 3));
    CHECK(epoch.labels[i] == epoch.ids[i] % 10);
  }
}

std::vector<std::uint64_t> counted(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

Error infer_error(ParamValue::Map params) {
  return error_of([&] { StageTester("idx_loader", std::move(params)).pull(); });
}

}  // namespace

TEST_CASE("Rows come in blocks, in the order of the file, raw and gzip alike") {
  const bool packed = GENERATE(false, true);
  const SmallSet set(50, packed);
  StageTester t("idx_loader", set.params({{"block_rows", 20}}));
  for (int i = 0; i < 2; ++i) {
    const EpochRows epoch = pull_epoch(t);
    CHECK(epoch.blocks == std::vector<std::int64_t>{20, 20, 10});
    CHECK(epoch.ids == counted(0, 50));
    check_rows_belong_to_ids(epoch);
  }
}

TEST_CASE("One row is an epoch") {
  const SmallSet set(1);
  StageTester t("idx_loader", set.params());
  const EpochRows epoch = pull_epoch(t);
  CHECK(epoch.blocks == std::vector<std::int64_t>{1});
  CHECK(epoch.pixels == std::vector<std::uint8_t>{0, 1, 2, 3});
}

TEST_CASE("The block size may be larger than the file, equal to it, or one") {
  const SmallSet set(6);
  const auto [rows, blocks] = GENERATE(table<int, std::size_t>({{1, 6}, {5, 2}, {6, 1}, {7, 1}}));
  StageTester t("idx_loader", set.params({{"block_rows", rows}}));
  CHECK(pull_epoch(t).blocks.size() == blocks);
}

TEST_CASE("Shuffled epochs hold every row once, each epoch in another order, the same order for the same seed") {
  const SmallSet set(60);
  const auto epochs = [&](std::uint64_t seed, int block) {
    StageTester t("idx_loader", set.params({{"shuffle", true}, {"block_rows", block}}));
    t.seed(seed);
    return std::vector<EpochRows>{pull_epoch(t), pull_epoch(t)};
  };
  const std::vector<EpochRows> one = epochs(7, 16), again = epochs(7, 60), other = epochs(8, 16);
  for (const EpochRows& epoch : one) {
    check_rows_belong_to_ids(epoch);
    CHECK(std::set<std::uint64_t>(epoch.ids.begin(), epoch.ids.end()).size() == 60);
  }
  CHECK(one[0].ids != one[1].ids);
  CHECK(one[0].ids != counted(0, 60));
  CHECK(one[0].ids == again[0].ids);
  CHECK(one[1].ids == again[1].ids);
  CHECK(one[0].ids != other[0].ids);
}

TEST_CASE("Shuffled rows come in the order that RowOrder has for them, listed and computed") {
  const auto rows = GENERATE(std::uint32_t{1000}, static_cast<std::uint32_t>(kMostListedRows) + 77);
  const TempFolder folder;
  std::vector<std::uint8_t> values(rows);
  for (std::uint32_t i = 0; i < rows; ++i) values[i] = static_cast<std::uint8_t>(i % 251);
  StageTester t("idx_loader", {{"images", folder.file("rows", idx_of_bytes({rows}, values))},
                               {"rows", ParamValue::List{3, std::int64_t{rows} - 3}},
                               {"shuffle", true},
                               {"block_rows", 65536}});
  t.seed(7);
  RowOrder order(Random(7, "shuffle"), std::int64_t{rows} - 3);
  for (const std::uint32_t epoch : {1U, 2U}) {
    const EpochRows sent = pull_epoch(t);
    order.begin_epoch(epoch);
    REQUIRE(sent.ids.size() == rows - 3);
    std::vector<std::uint64_t> expected(sent.ids.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = 3 + static_cast<std::uint64_t>(order.row(static_cast<std::int64_t>(i)));
    CHECK(std::ranges::equal(sent.ids, expected));
    CHECK(std::ranges::equal(sent.pixels, expected, {}, {}, [](std::uint64_t id) { return id % 251; }));
  }
}

TEST_CASE("Rows are not too many to shuffle where 32 bits cannot count them") {
  const TempFolder folder;
  constexpr std::uint32_t kRows = (std::uint32_t{1} << 31) + 5;
  const std::string file = folder.file("rows", idx_header(0x08, {kRows}));
  std::filesystem::resize_file(file, std::filesystem::file_size(file) + kRows);  // takes no space on the disk
  StageTester t("idx_loader", {{"images", file}, {"shuffle", true}});
  CHECK(t.infer().empty());
  CHECK(t.output_spec("images").rows_per_epoch == kRows);
}

TEST_CASE("A row range sends those rows only, and ids stay row numbers of the file") {
  const SmallSet set(20);
  const ParamValue range =
      GENERATE(ParamValue(ParamValue::List{5, 10}), ParamValue(ParamValue::Map{{"first", 5}, {"count", 10}}));
  const bool shuffle = GENERATE(false, true);
  StageTester t("idx_loader", set.params({{"rows", range}, {"shuffle", shuffle}, {"block_rows", 4}}));
  CHECK(t.output_spec("images").rows_per_epoch == 10);
  EpochRows epoch = pull_epoch(t);
  check_rows_belong_to_ids(epoch);
  std::sort(epoch.ids.begin(), epoch.ids.end());
  CHECK(epoch.ids == counted(5, 10));
}

TEST_CASE("A row range beyond the file is refused before the run") {
  const SmallSet set(20);
  const auto range = GENERATE(ParamValue::List{15, 6}, ParamValue::List{20, 1}, ParamValue::List{0, 0},
                              ParamValue::List{21, 1}, ParamValue::List{std::int64_t{1} << 62, std::int64_t{1} << 62});
  StageTester t("idx_loader", set.params({{"rows", range}}));
  const auto errors = t.infer();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "row-range");
  CHECK(errors[0].site.path == "rows");
}

TEST_CASE("Specs come from the headers, the labels' range from the labels that are sent") {
  const SmallSet set(8);
  StageTester all("idx_loader", set.params()), some("idx_loader", set.params({{"rows", ParamValue::List{2, 4}}}));
  CHECK(all.output_spec("images").only() == TensorSpec{DType::u8, {2, 2}, ValueRange{0, 255}, {}, {}});
  CHECK(all.output_spec("labels").only() == TensorSpec{DType::u8, {}, ValueRange{0, 7}, {}, {}});
  CHECK(some.output_spec("labels").only().range == ValueRange{2, 5});
}

TEST_CASE("Without labels their port carries rows without values") {
  const SmallSet set(5);
  StageTester t("idx_loader", {{"images", set.images}});
  t.pull();
  CHECK(t.pop("images").rows == 5);
  const Packet labels = t.pop("labels");
  CHECK(labels.rows == 5);
  CHECK(labels.tensor().spec().row_shape == RowShape{0});
  CHECK(labels.tensor().size_bytes() == 0);
}

TEST_CASE("Every element type is brought into native byte order") {
  const TempFolder folder;
  struct Case {
    int code;
    DType dtype;
    Bytes values;
    std::vector<float> expected;
  };
  const auto f32 = [](float v) { return big_endian(std::bit_cast<std::uint32_t>(v), 4); };
  const auto f64 = [](double v) { return big_endian(std::bit_cast<std::uint64_t>(v), 8); };
  const std::vector<Case> cases{{0x08, DType::u8, big_endian(0, 1) + big_endian(255, 1), {0, 255}},
                                {0x09, DType::i8, big_endian(0x80, 1) + big_endian(127, 1), {-128, 127}},
                                {0x0B, DType::i16, big_endian(0x8000, 2) + big_endian(0x0102, 2), {-32768, 258}},
                                {0x0C, DType::i32, big_endian(0xfffffffe, 4) + big_endian(0x00010203, 4), {-2, 66051}},
                                {0x0D, DType::f32, f32(-1.5F) + f32(3.25F), {-1.5F, 3.25F}},
                                {0x0E, DType::f64, f64(-1.5) + f64(1e10), {-1.5F, 1e10F}}};
  for (const Case& c : cases) {
    CAPTURE(c.code);
    StageTester t("idx_loader", {{"images", folder.file("values", idx_header(c.code, {2}) + c.values)}});
    const Tensor values = (t.pull(), t.pop("images").tensor());
    CHECK(values.spec().dtype == c.dtype);
    CHECK(std::vector<float>(values.f32().begin(), values.f32().end()) == c.expected);
  }
}

TEST_CASE("Every rank from one to eight is read") {
  const TempFolder folder;
  for (std::size_t rank = 1; rank <= 8; ++rank) {
    CAPTURE(rank);
    const std::vector<std::uint32_t> extents(rank, 2);
    StageTester t("idx_loader",
                  {{"images", folder.file("values", idx_header(0x08, extents) + Bytes(std::size_t{1} << rank, 'x'))}});
    const Packet packet = (t.pull(), t.pop("images"));
    CHECK(packet.rows == 2);
    CHECK(packet.tensor().spec().row_shape == RowShape(rank - 1, 2));
  }
}

TEST_CASE("Images and labels of different counts are refused with both counts") {
  const SmallSet ten(10), nine(9);
  const Error error = infer_error({{"images", ten.images}, {"labels", nine.labels}});
  CHECK(error.name() == "rows-mismatch");
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(), ContainsSubstring("10 rows") && ContainsSubstring("has 9"));
  const SmallSet one(1);
  CHECK_THAT(infer_error({{"images", one.images}, {"labels", nine.labels}}).message(), ContainsSubstring("1 row,"));
}

TEST_CASE("A file that is longer than it was when it was checked is refused, and the error tells the two apart") {
  const SmallSet set(10);
  StageTester t("idx_loader", set.params({{"rows", ParamValue::List{0, 10}}}));
  REQUIRE(t.infer().empty());
  set.folder.file("images", idx_of_bytes({12, 2, 2}, std::vector<std::uint8_t>(48)));
  const Error error = error_of([&] { t.pull(); });
  CHECK(error.name() == "file-changed");
  CHECK_THAT(error.message(), ContainsSubstring("12 rows") && ContainsSubstring("10 rows"));
}

TEST_CASE("A file that another replaced after the check is refused") {
  const SmallSet set(10);
  StageTester t("idx_loader", set.params());
  REQUIRE(t.infer().empty());
  const TempFolder& folder = set.folder;
  folder.file("images", idx_of_bytes({10, 3}, std::vector<std::uint8_t>(30)));
  CHECK(error_of([&] { t.pull(); }).name() == "file-changed");
}

TEST_CASE("Parameters that exclude each other, or are missing, are reported") {
  using Map = ParamValue::Map;
  const std::vector<std::pair<Map, std::string>> cases{
      {Map{}, "missing-parameter"},
      {Map{{"labels", "l"}}, "missing-parameter"},
      {Map{{"dataset", "mnist"}}, "missing-parameter"},
      {Map{{"dataset", "mnist"}, {"split", "train"}, {"images", "i"}}, "conflicting-parameters"},
      {Map{{"dataset", "mnist"}, {"split", "train"}, {"labels", "l"}}, "conflicting-parameters"},
      {Map{{"images", "i"}, {"split", "train"}}, "conflicting-parameters"}};
  for (const auto& [params, name] : cases) {
    const auto errors = StageTester("idx_loader", params).infer();
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].name == name);
    CHECK_FALSE(errors[0].help.empty());
  }
}

TEST_CASE("A data set by name is checked without its files") {
  const TempFolder empty;
  const WithEnvironment data("MILLRACE_DATA_DIR", empty.path()), cache("XDG_CACHE_HOME", empty.path());
  StageTester t("idx_loader", {{"dataset", "fashion_mnist"}, {"split", "test"}, {"rows", ParamValue::List{0, 5000}}});
  CHECK(t.output_spec("images").rows_per_epoch == 5000);
  CHECK(t.output_spec("images").only() == TensorSpec{DType::u8, {28, 28}, ValueRange{0, 255}, {}, {}});
  CHECK(t.output_spec("labels").only().range == ValueRange{0, 9});
  CHECK(t.output_spec("labels").only().class_names.at(1) == "Trouser");
}

TEST_CASE("A missing data set lists every place that was tried, and what to do") {
  const TempFolder empty;
  const WithEnvironment data("MILLRACE_DATA_DIR", empty.path()), cache("XDG_CACHE_HOME", empty.path() + "/cache");
  const Error error = infer_error({{"dataset", "mnist"}, {"split", "train"}});
  CHECK(error.name() == "dataset-missing");
  CHECK(error.kind() == ErrorKind::data);
  CHECK_THAT(error.message(), ContainsSubstring(empty.path() + "/mnist") &&
                                  ContainsSubstring(empty.path() + "/cache/millrace/datasets/mnist") &&
                                  ContainsSubstring("data/MNIST/raw"));
  CHECK_THAT(error.help(), ContainsSubstring("pipeline-run fetch mnist"));
}

TEST_CASE("Where another data set is on the disk, a missing one's help names it") {
  const TempFolder folder;
  const WithEnvironment data("MILLRACE_DATA_DIR", folder.path()), cache("XDG_CACHE_HOME", folder.path() + "/cache");
  for (const char* name : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"})
    folder.file(std::string("fashion_mnist/") + name + "-ubyte", {});
  CHECK_THAT(infer_error({{"dataset", "mnist"}, {"split", "train"}}).help(),
             ContainsSubstring("MILLRACE_DATASET=fashion_mnist"));
}

TEST_CASE("Content that is not the data set's is refused, whatever the name of the file") {
  const TempFolder folder;
  const WithEnvironment data("MILLRACE_DATA_DIR", folder.path());
  folder.file("mnist/t10k-images-idx3-ubyte.gz", gzip(idx_header(0x08, {10000, 28, 28}) + Bytes(7840000, 'x')));
  const Error error = infer_error({{"dataset", "mnist"}, {"split", "test"}});
  CHECK(error.name() == "dataset-mismatch");
  CHECK_THAT(error.message(), ContainsSubstring("not that of any data set"));
}

TEST_CASE("A file of another size under the name of a data set is refused as another data set") {
  const TempFolder folder;
  const WithEnvironment data("MILLRACE_DATA_DIR", folder.path());
  folder.file("mnist/t10k-images-idx3-ubyte", idx_header(0x08, {60000, 28, 28}) + Bytes(47040000, 'x'));
  const Error error = infer_error({{"dataset", "mnist"}, {"split", "test"}});
  CHECK(error.name() == "dataset-mismatch");
  CHECK_THAT(error.message(), ContainsSubstring("47040016 bytes"));
}

TEST_CASE("A Fashion-MNIST file under the name of an MNIST file is called by its name") {
  const std::string original = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
  if (!std::filesystem::exists(original)) SKIP("the package dataset-fashion-mnist is not installed");
  const TempFolder folder;
  const WithEnvironment data("MILLRACE_DATA_DIR", folder.path());
  std::filesystem::create_directories(folder.path() + "/mnist");
  std::filesystem::copy(original, folder.path() + "/mnist/t10k-images-idx3-ubyte.gz");
  const Error error = infer_error({{"dataset", "mnist"}, {"split", "test"}});
  CHECK(error.name() == "dataset-mismatch");
  CHECK_THAT(error.message(), ContainsSubstring("Fashion-MNIST"));
}

TEST_CASE("Fashion-MNIST as Debian packages it is read and verified") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    SKIP("the package dataset-fashion-mnist is not installed");
  const TempFolder empty;
  const WithEnvironment data("MILLRACE_DATA_DIR", empty.path()), cache("XDG_CACHE_HOME", empty.path());
  StageTester t("idx_loader", {{"dataset", "fashion_mnist"}, {"split", "test"}, {"block_rows", 10000}});
  const Packet labels = (t.pull(), t.pop("labels"));
  std::vector<int> counts(10);
  for (const std::uint8_t label : labels.tensor().stored<std::uint8_t>()) ++counts.at(label);
  CHECK(counts == std::vector<int>(10, 1000));
}

TEST_CASE("MNIST has its known mean, class counts and first labels") {
  const DatasetInfo& info = *find_dataset("mnist");
  if (locate_dataset_file(info, info.files.front()).empty()) SKIP("MNIST is not here; set MILLRACE_DATA_DIR");
  StageTester t("idx_loader", {{"dataset", "mnist"}, {"split", "train"}, {"block_rows", 60000}});
  const Packet images = (t.pull(), t.pop("images")), packet = t.pop("labels");
  const auto pixels = images.tensor().stored<std::uint8_t>(), labels = packet.tensor().stored<std::uint8_t>();
  const double sum = std::accumulate(pixels.begin(), pixels.end(), 0.0);
  CHECK(sum / static_cast<double>(pixels.size()) == Catch::Approx(33.3184).margin(5e-5));
  std::vector<int> counts(10);
  for (const std::uint8_t label : labels) ++counts.at(label);
  CHECK(counts == std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949});
  CHECK(std::vector<int>(labels.begin(), labels.begin() + 9) == std::vector<int>{5, 0, 4, 1, 9, 2, 1, 3, 1});
}
