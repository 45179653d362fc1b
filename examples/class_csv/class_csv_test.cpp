// Tests class_csv alone, without a graph. Any test framework will do; this one has none.
#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

using namespace millrace;
using millrace::testing::StageTester;

namespace {

namespace fs = std::filesystem;

bool check(const char* what, bool good) {
  std::printf("%s: %s\n", good ? "passed" : "FAILED", what);
  return good;
}

/// A folder of its own that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "class_csv_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }
  std::size_t files() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), {})); }

 private:
  fs::path path_;
};

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Guesses class 0 where the first input is the larger one, else class 1; never class 2.
Packet model(std::uint32_t epoch, float sign = 1) {
  auto spec = std::make_shared<ModelSpec>();
  spec->inputs = 2;
  LayerSpec layer;
  layer.inputs = 2;
  layer.outputs = 3;
  layer.activation = Activation::softmax;
  layer.bias_offset = 6;
  spec->layers = {layer};
  Packet packet;
  packet.header = {0, epoch, 0, true};
  packet.model = std::make_shared<ModelSnapshot>(spec, Loss::categorical_crossentropy, epoch,
                                                 std::vector<float>{sign, -sign, -9, -sign, sign, -9, 0, 0, -9});
  return packet;
}

/// Rows (first, second, class).
Packet batch(std::uint32_t epoch, const std::vector<std::array<int, 3>>& rows, bool last) {
  std::vector<float> inputs, targets;
  auto ids = std::make_shared<std::vector<std::uint64_t>>();
  for (const auto& [first, second, is] : rows) {
    ids->push_back(ids->size());
    for (const int value : {first, second}) inputs.push_back(static_cast<float>(value));
    for (int c = 0; c < 3; ++c) targets.push_back(c == is ? 1.F : 0.F);
  }
  Packet packet;
  packet.header = {0, epoch, 0, last};
  packet.rows = static_cast<std::int64_t>(rows.size());
  packet.ids = ids;
  packet.fields = {{"inputs", testing::rows({2}, inputs)}, {"targets", testing::rows({3}, targets)}};
  return packet;
}

/// Says what will come, before anything comes.
StageTester& declare(StageTester& tester) {
  PortSpec data;
  for (const char* name : {"inputs", "targets"}) {
    const std::int64_t width = name[0] == 'i' ? 2 : 3;
    data.fields.push_back({name, {DType::f32, {width}, {}, {}, {}}});
  }
  data.max_rows = 3;
  return tester.input("data", data).input("model", PortSpec::of_kind(PortKind::model));
}

constexpr const char* kHeader = "epoch,class,rows,predicted,correct,recall,precision\n";
const std::vector<std::array<int, 3>> kFirst{{2, 1, 0}, {5, 1, 0}, {1, 2, 0}}, kSecond{{1, 3, 1}, {3, 1, 2}};

bool counts_each_class() {
  const Folder folder;
  const std::string file = folder.file("classes.csv");
  StageTester tester("class_csv", {{"file", file}, {"classes", ParamValue::List{"a", "b, \"c\"", "d"}}});
  declare(tester).push("data", batch(1, kFirst, false)).push("data", batch(1, kSecond, true));
  const bool waits = check("nothing is counted before the epoch's model is there", text_of(file) == kHeader);
  tester.push("model", model(1));
  const std::string one =
      std::string(kHeader) + "1,a,3,3,2,0.666667,0.666667\n" + "1,\"b, \"\"c\"\"\",1,2,1,1,0.5\n" + "1,d,1,0,0,0,\n";
  const bool counts = check("rows, guesses and hits are counted for each class", text_of(file) == one);
  tester.push("model", model(2, -1)).push("data", batch(2, kFirst, true));
  const std::string two = one + "2,a,3,1,1,0.333333,1\n" + "2,\"b, \"\"c\"\"\",0,2,0,,0\n" + "2,d,0,0,0,,\n";
  return waits & counts &
         check("each epoch adds its lines, whichever comes first, model or data", text_of(file) == two) &
         check("no other file is left behind", folder.files() == 1);
}

bool says_what_cannot_be_written() {
  const Folder folder;
  StageTester tester("class_csv", {{"file", folder.file("nowhere/classes.csv")}});
  try {
    declare(tester).push("data", batch(1, kFirst, true));
    return check("a file that cannot be written ends the run", false);
  } catch (const Error& error) {
    return check("a file that cannot be written ends the run before any data with exit code 7",
                 error.name() == "output-unwritable" && error.exit_code() == 7);
  }
}

bool refuses_another_number_of_names() {
  StageTester tester("class_csv", {{"file", "unused.csv"}, {"classes", ParamValue::List{"a", "b"}}});
  const auto errors = declare(tester).infer();
  return check("two names for three classes are refused before any data moves",
               errors.size() == 1 && errors.front().site.path == "classes");
}

}  // namespace

int main() {
  const bool good = counts_each_class() & says_what_cannot_be_written() & refuses_another_number_of_names();
  return good ? 0 : 1;
}
